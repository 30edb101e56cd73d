import { parseArgs } from 'node:util';
import { ConfigError } from '../config.ts';

/** Options by name; a command that meets one it does not know ends with a sentence. Throws a ConfigError. */
export function readOptions(
  args: readonly string[],
  names: readonly string[],
): Readonly<Record<string, string | undefined>> {
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
    return parseArgs({ args: [...args], options, allowPositionals: false }).values as Record<
      string,
      string | undefined
    >;
  } catch (error) {
    throw new ConfigError(
      `${error instanceof Error ? error.message : error} \`despatch help\` lists what a command takes.`,
    );
  }
}

/** A list of names separated by commas; null where it is not given. Throws a ConfigError. */
export function readNames<Name extends string>(
  option: string,
  given: string | undefined,
  known: readonly Name[],
): readonly Name[] | null {
  if (given === undefined) return null;
  const names = given
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.filter((name) => !known.includes(name as Name));
  if (unknown.length > 0 || names.length === 0)
    throw new ConfigError(
      `--${option} takes a list of ${known.join(', ')}${unknown.length > 0 ? `, not ${unknown.join(', ')}` : ''}.`,
    );
  return names as Name[];
}
