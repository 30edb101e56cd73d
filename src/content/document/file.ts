import { Type } from 'typebox';
import { badRequest, invalid, type Problem } from '../../ground/problem.ts';
import { faultsOf, literal } from '../../http/validate/fault-texts.ts';
import { extensionOf, type FileType, sniff, supportedTypes, typeOfExtension } from './file-type.ts';
import { parseFilename } from './filename.ts';
import { readWeeks } from './retention.ts';

/** A value of the personalisation that is a file, as the caller sends it (spec 01, section 3.6). */
export type FileValue = Readonly<Record<string, unknown> & { file: unknown }>;

/** A file that is taken. */
export type DocumentFile = Readonly<{
  filename: string;
  contentType: string;
  content: Buffer;
  /** Whether whoever opens the link has to know the address that it was sent to. */
  confirmEmail: boolean;
  /** How long it can be downloaded. */
  weeks: number;
}>;

export type FileOutcome =
  | Readonly<{ ok: true; file: DocumentFile }>
  | Readonly<{ ok: false; problem: Problem }>;

/** Whether a value of the personalisation is a file, well-formed or not. */
export function isFileValue(value: unknown): value is FileValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, 'file');
}

/** What is in a file value, for the API's document and for the check of names. */
export const fileValue = Type.Object(
  {
    file: Type.Unknown({ description: 'The file in base64.' }),
    is_csv: Type.Optional(Type.Unknown({ description: 'Old form of a filename that ends in .csv.' })),
    confirm_email_before_download: Type.Optional(
      Type.Unknown({ description: 'Whether the recipient has to enter the email address; true without it.' }),
    ),
    retention_period: Type.Optional(Type.Unknown({ description: '`1 week` to `78 weeks`; 26 without it.' })),
    filename: Type.Optional(Type.Unknown({ description: 'The name it is saved under, with its extension.' })),
  },
  { additionalProperties: false },
);
const fileProperty = Type.Object({ file: Type.String() });
const filenameProperty = Type.Object({
  filename: Type.Optional(Type.Union([Type.String({ format: 'filename' }), Type.Null()])),
});

/**
 * Checks and decodes one file value: its fields as the reference does and with its texts, then the file itself. Pure.
 * `maxBytes` is the most that the decoded file may have.
 */
export function parseFile(value: FileValue, maxBytes: number): FileOutcome {
  const faults = fieldFaults(value);
  if (faults.length > 0) return { ok: false, problem: invalid(faults) };
  const refuse = (text: string): FileOutcome => ({ ok: false, problem: badRequest(text) });

  const content = decode(value.file as string, maxBytes);
  if (content === 'not base64') return refuse('Cannot decode file content (invalid base64 encoding)');
  if (content === 'too big')
    return refuse(`The file is too big: at most ${sizeLimit(maxBytes)} are taken, before base64`);
  if (content.length === 0) return refuse('The file is empty');

  const named = nameAndType(content, value);
  if ('error' in named) return refuse(named.error);
  return {
    ok: true,
    file: {
      filename: named.filename,
      contentType: named.type.contentType,
      content,
      confirmEmail: (value['confirm_email_before_download'] ?? true) as boolean,
      weeks: readWeeks(value['retention_period'])!,
    },
  };
}

/** Every fault of the fields, in the reference's order: unknown ones, each in turn, then two that exclude each other. */
function fieldFaults(value: FileValue): string[] {
  const faults = [
    ...faultsOf(fileValue, value, {}),
    ...faultsOf(fileProperty, value, {}),
    ...booleanFaults('is_csv', value),
    ...booleanFaults('confirm_email_before_download', value),
  ];
  const period = value['retention_period'];
  if (readWeeks(period) === null)
    faults.push(
      `retention_period Unsupported value for retention_period: ${literal(period)}. Supported periods are from 1 to 78 weeks.`,
    );
  faults.push(
    ...faultsOf(filenameProperty, value, {
      filename: (text) =>
        text.includes('.') ? null : '`filename` must end with a file extension. For example, filename.csv',
    }),
  );
  if (Object.hasOwn(value, 'is_csv') && Object.hasOwn(value, 'filename'))
    faults.push('Do not set a value for `is_csv` if `filename` is set.');
  return faults.map((fault) => fault.replaceAll("'", ''));
}

function booleanFaults(name: string, value: FileValue): string[] {
  const given = value[name];
  if (given === undefined || given === null || typeof given === 'boolean') return [];
  return [`${name} Unsupported value for ${name}: ${literal(given)}. Use a boolean true or false value.`];
}

/** `Buffer.from` passes over what is no base64; this does not. Line ends are allowed, as mail programs write them. */
function decode(text: string, maxBytes: number): Buffer | 'not base64' | 'too big' {
  const plain = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  const padding = plain.endsWith('==') ? 2 : plain.endsWith('=') ? 1 : 0;
  // First, for it costs nothing, and then there is less to look through.
  if ((plain.length / 4) * 3 - padding > maxBytes) return 'too big';
  if (plain.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(plain)) return 'not base64';
  return Buffer.from(plain, 'base64');
}

function sizeLimit(bytes: number): string {
  const megabyte = 1024 * 1024;
  return bytes % megabyte === 0 ? `${bytes / megabyte}MB` : `${bytes} bytes`;
}

type Named = Readonly<{ filename: string; type: FileType }>;

/** The name and type of the file: as it is called, if it is that; without a name by what it is. */
function nameAndType(content: Buffer, value: FileValue): Named | Readonly<{ error: string }> {
  const kinds = sniff(content);
  const given = value['filename'];
  if (typeof given !== 'string') {
    const [kind] = kinds;
    if (!kind) return { error: `Unsupported file type. Supported types are: ${supportedTypes}` };
    // `is_csv` decides about text alone: a PDF is a PDF.
    const extension = value['is_csv'] === true && kind === 'text' ? 'csv' : extensionOf(kind);
    return { filename: `document.${extension}`, type: typeOfExtension(extension)! };
  }
  const parsed = parseFilename(given);
  if (!parsed.ok) return parsed;
  const { filename, extension } = parsed;
  const type = typeOfExtension(extension);
  if (!type) return { error: `Unsupported file type .${extension}. Supported types are: ${supportedTypes}` };
  if (!kinds.some((kind) => type.kinds.includes(kind)))
    return {
      error: `Unsupported file type: the content is not that of a .${extension} file. Supported types are: ${supportedTypes}`,
    };
  return { filename, type };
}
