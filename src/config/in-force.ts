import { areas, type Config } from './config.ts';
import type { Setting } from './setting.ts';

/** A setting as operators may see it. */
export type SettingInForce = Readonly<{
  name: string;
  /** As it could be set; the default in words where that applies; null: it is secret. */
  value: string | null;
  isDefault: boolean;
  meaning: string;
}>;

/** What this process goes by, in the order of the documentation; of a secret only whether it is set. Pure. */
export function settingsInForce(config: Config): readonly SettingInForce[] {
  return Object.entries(areas).flatMap(([area, settings]) =>
    Object.entries(settings as Readonly<Record<string, Setting<unknown>>>).map(
      ([key, { names, reader, shownDefault, meaning }]) => {
        const value = (config[area as keyof Config] as Readonly<Record<string, unknown>>)[key];
        const isDefault = JSON.stringify(value) === JSON.stringify(reader.fallback);
        const shown = isDefault ? shownDefault : inWords(value);
        return { name: names[0]!, value: reader.isSecret ? null : shown, isDefault, meaning };
      },
    ),
  );
}

function inWords(value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (Array.isArray(value)) return value.map(inWords).join(',');
  if (typeof value === 'object') return JSON.stringify(value);
  const text = String(value);
  return /^[a-z]+:\/\//.test(text) ? withoutSecrets(text) : text;
}

/** An address without what can be a secret: who signs in, the path, and parameters. */
function withoutSecrets(text: string): string {
  if (!URL.canParse(text)) return 'set';
  const url = new URL(text);
  const user = url.username === '' ? '' : '…@';
  const rest = url.pathname.length > 1 || url.search !== '' ? '/…' : '';
  return `${url.protocol}//${user}${url.host}${rest}`;
}
