import { createHash } from 'node:crypto';
import type { NotificationType } from '../../database/tables.ts';
import { parseUuid } from '../../ground/id.ts';
import { ConfigError } from '../../ground/problem.ts';

/** What people write of a template. */
export type TemplateText = Readonly<{
  name: string;
  type: NotificationType;
  /** null for a text message. */
  subject: string | null;
  /** Whether its messages overtake others. */
  priority: boolean;
  /** Whether its emails end with a link to unsubscribe. */
  unsubscribe: boolean;
  /** The path of its folder (`pathOf` in server.ts), or the folder's id; null: it is in none. */
  folder: string | null;
  content: string;
}>;

/** A template as a version of it is kept, on the server or in a file. */
export type KeptTemplate = TemplateText & Readonly<{ id: string; version: number }>;

/** A template in a file. */
export type TemplateFile = TemplateText &
  Readonly<{
    /** null: the server does not have it yet. */
    id: string | null;
    /** The version that the file was written from; null without an id. */
    version: number | null;
    /** The fingerprint of what was written; null if somebody has removed it. */
    pulled: string | null;
  }>;

const names = [
  ...(['id', 'name', 'type', 'subject', 'version', 'priority'] as const),
  ...(['unsubscribe', 'folder', 'pulled'] as const),
];
type HeaderName = (typeof names)[number];

/**
 * A file's text: a line for each property, an empty line, and the content character by character, to the end of the
 * file. A value that a line cannot hold, or that begins with a quotation mark, is written as a JSON string.
 */
export function formatTemplateFile(template: KeptTemplate | TemplateFile): string {
  const { id, name, type, subject, version, priority, unsubscribe, folder, content } = template;
  const pulled = 'pulled' in template ? template.pulled : fingerprintOf(template);
  const header: Readonly<Record<HeaderName, string | null>> = {
    id,
    name,
    type,
    subject,
    version: version === null ? null : String(version),
    priority: priority ? 'yes' : 'no',
    unsubscribe: type === 'sms' ? null : unsubscribe ? 'yes' : 'no',
    folder,
    pulled,
  };
  const lines = names.flatMap((key) => {
    const value = header[key];
    return value === null ? [] : [`${key}: ${isPlain(value) ? value : JSON.stringify(value)}\n`];
  });
  return `${lines.join('')}\n${content}`;
}

function isPlain(value: string): boolean {
  return value !== '' && value === value.trim() && !/^"|\p{Cc}/u.test(value);
}

/** Parses a file's text; `path` names it in errors. Throws a ConfigError that says what is wrong in which line. */
export function parseTemplateFile(text: string, path: string): TemplateFile {
  const { header, content } = readHeader(text, path);
  const wrong = (what: string) => new ConfigError(`${path}: ${what}`);
  const need = (name: HeaderName) => {
    const value = header.get(name);
    if (value === undefined) throw wrong(`the line "${name}: …" is missing.`);
    return value;
  };
  const yes = (name: HeaderName) => {
    const value = header.get(name) ?? 'no';
    if (value !== 'yes' && value !== 'no') throw wrong(`${name} must be yes or no, not "${value}".`);
    return value === 'yes';
  };
  const type = need('type');
  if (type !== 'sms' && type !== 'email') throw wrong(`type must be sms or email, not "${type}".`);
  for (const name of ['subject', 'unsubscribe'] as const)
    if (type === 'sms' && header.has(name)) throw wrong(`a text message has no ${name}.`);
  const given = header.get('id');
  const id = given === undefined ? null : parseUuid(given);
  if (given !== undefined && id === null) throw wrong(`id must be a UUID, not "${given}".`);
  const version = id === null ? null : need('version');
  if (version !== null && !/^[1-9]\d{0,8}$/.test(version))
    throw wrong(`version must be a whole number, not "${version}".`);
  return {
    ...{ id, name: need('name'), type, subject: type === 'sms' ? null : need('subject') },
    version: version === null ? null : Number(version),
    ...{ priority: yes('priority'), unsubscribe: yes('unsubscribe'), folder: header.get('folder') ?? null },
    ...{ pulled: header.get('pulled') ?? null, content },
  };
}

function readHeader(text: string, path: string): { header: Map<HeaderName, string>; content: string } {
  const header = new Map<HeaderName, string>();
  let start = 0;
  for (let number = 1; ; number++) {
    const end = text.indexOf('\n', start);
    // Only the header may have been saved with other line ends than ours.
    const line = text.slice(start, end === -1 ? text.length : end).replace(/\r$/, '');
    const wrong = (what: string) => new ConfigError(`${path}: line ${number} ${what}`);
    if (line === '' && end !== -1) return { header, content: text.slice(end + 1) };
    const [, key, rest = ''] = /^([a-z]+):(.*)$/s.exec(line) ?? [];
    const name = names.find((one) => one === key);
    if (!name)
      throw wrong(
        `should be one of ${names.join(', ')}, each as "name: value"; an empty line comes before the content.`,
      );
    if (header.has(name)) throw wrong(`repeats ${name}.`);
    header.set(name, readValue(rest.trim(), wrong));
    if (end === -1) throw wrong('is the last one: an empty line and the content should follow.');
    start = end + 1;
  }
}

function readValue(written: string, wrong: (what: string) => ConfigError): string {
  if (!written.startsWith('"')) return written;
  try {
    const value: unknown = JSON.parse(written);
    if (typeof value === 'string') return value;
  } catch {
    // As wrong as a value of another type.
  }
  throw wrong('begins with a quotation mark, so it must be a JSON string.');
}

/** What a template says, with its version, in 16 hexadecimal digits. */
export function fingerprintOf(template: TemplateText & Readonly<{ version: number | null }>): string {
  const { name, type, subject, version, priority, unsubscribe, folder, content } = template;
  const said = JSON.stringify([name, type, subject, version, priority, unsubscribe, folder, content]);
  return createHash('sha256').update(said).digest('hex').slice(0, 16);
}

/** Whether somebody has changed the file since it was written; true if that cannot be known. */
export function isEdited(file: TemplateFile): boolean {
  return file.pulled !== fingerprintOf(file);
}

/** Whether two say the same, whatever their versions. */
export function saySame(one: TemplateText, other: TemplateText): boolean {
  return fingerprintOf({ ...one, version: null }) === fingerprintOf({ ...other, version: null });
}

/** Names that Windows keeps for itself. */
const reserved = /^(?:con|prn|aux|nul|com\d|lpt\d)$/;

/** A file name for a new template, such as `high-tide.md`, that is none of `taken` in any case. */
export function fileNameFor(
  { name, type }: Pick<TemplateText, 'name' | 'type'>,
  taken: ReadonlySet<string>,
): string {
  const words = name
    .normalize('NFC')
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-');
  // Short enough for file systems that count bytes, of which a character has up to four.
  const short = [...words].slice(0, 50).join('').replace(/^-|-$/g, '');
  const base = short === '' || reserved.test(short) ? `${short}template` : short;
  const extension = type === 'email' ? 'md' : 'txt';
  for (let number = 1; ; number++) {
    const fileName = `${base}${number === 1 ? '' : `-${number}`}.${extension}`;
    if (!taken.has(fileName)) return fileName;
  }
}
