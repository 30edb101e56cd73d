import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Trx } from '../../database/connection.ts';
import { dayAfter, dayOf, dayStart } from '../../ground/clock.ts';
import { objectOf } from '../../ground/json.ts';
import { badRequest, invalid, type Problem } from '../../ground/problem.ts';
import { faultsOf, literal } from '../../http/validate/check.ts';
import type { Service } from '../../tenant/service/service.ts';
import { normaliseKey } from '../template/personalisation.ts';
import {
  extensionOf,
  type FileType,
  sniff,
  typeOfExtension,
  unsupported,
  unsupportedType,
} from './file-type.ts';
import { parseFilename } from './filename.ts';
import { type DocumentLink, documentCipher, documentUrl, newKey, testDocumentUrl } from './link.ts';
import { addDocuments, type Document, type DocumentStorage } from './store.ts';

/** A personalisation value that is a file, as the caller sends it (spec 01, section 3.6). */
export type FileValue = Readonly<Record<string, unknown> & { file: unknown }>;

/** A file that was checked and decoded. */
export type DocumentFile = Readonly<{
  filename: string;
  contentType: string;
  content: Buffer;
  /** Whether the recipient has to confirm their email address before the download. */
  confirmEmail: boolean;
  /** How long the file can be downloaded. */
  weeks: number;
}>;

type FileOutcome = Readonly<{ ok: true; file: DocumentFile }> | Readonly<{ ok: false; problem: Problem }>;

/** Whether a personalisation value is a file, well-formed or not. */
export function isFileValue(value: unknown): value is FileValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, 'file');
}

/** The fields of a file value, for the OpenAPI document and to check their names. */
export const fileValue = Type.Object(
  {
    file: Type.Unknown({ description: 'The file in base64.' }),
    is_csv: Type.Optional(Type.Unknown({ description: 'Old form of a filename that ends in .csv.' })),
    confirm_email_before_download: Type.Optional(
      Type.Unknown({
        description: 'Whether the recipient has to confirm their email address; default true.',
      }),
    ),
    retention_period: Type.Optional(
      Type.Unknown({ description: '`1 week` to `78 weeks`; default `26 weeks`.' }),
    ),
    filename: Type.Optional(Type.Unknown({ description: 'The name it is saved under, with its extension.' })),
  },
  { additionalProperties: false },
);
const fileProperty = Type.Object({ file: Type.String() });
const filenameProperty = Type.Object({
  filename: Type.Optional(Type.Union([Type.String({ format: 'filename' }), Type.Null()])),
});

/** Decodes a file value whose fields have no fault and checks the file itself. `maxBytes` limits the decoded file. */
function readContent(value: FileValue, maxBytes: number): FileOutcome {
  const refuse = (text: string): FileOutcome => ({ ok: false, problem: badRequest(text) });
  const content = decode(value.file as string, maxBytes);
  if (content === 'not base64') return refuse('Document is not base64 encoded');
  if (content === 'too big') return refuse('Uploaded file exceeds file size limit');
  if (content.length === 0) return refuse('Document must not be empty');

  const named = nameAndType(content, value);
  if ('error' in named) return refuse(named.error);
  return {
    ok: true,
    file: {
      filename: named.filename,
      contentType: named.type.contentType,
      content,
      confirmEmail: (value['confirm_email_before_download'] ?? true) as boolean,
      weeks: parseWeeks(value['retention_period'])!,
    },
  };
}

/** Every fault of the fields: unknown fields, each field in turn, then fields that exclude each other. */
function fieldFaults(value: FileValue): string[] {
  const faults = [
    ...faultsOf(fileValue, value, {}),
    ...faultsOf(fileProperty, value, {}),
    ...booleanFaults('is_csv', value),
    ...booleanFaults('confirm_email_before_download', value),
  ];
  const period = value['retention_period'];
  if (parseWeeks(period) === null)
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

/** Strict, unlike `Buffer.from`, which skips invalid characters. White space is allowed, as mail programs write it. */
function decode(text: string, maxBytes: number): Buffer | 'not base64' | 'too big' {
  const plain = /\s/.test(text) ? text.replace(/\s+/g, '') : text;
  const padding = plain.endsWith('==') ? 2 : plain.endsWith('=') ? 1 : 0;
  // The size comes first: it is cheap to check and bounds the work after it.
  if ((plain.length / 4) * 3 - padding > maxBytes) return 'too big';
  if (plain.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(plain)) return 'not base64';
  return Buffer.from(plain, 'base64');
}

type Named = Readonly<{ filename: string; type: FileType }>;

/**
 * The name and type: from the given name, or from the content if there is none. The content has to be of a supported
 * type, but need not be of the type that the name says: many `.doc` files are really RTF, and a file is only ever
 * downloaded, never shown.
 */
function nameAndType(content: Buffer, value: FileValue): Named | Readonly<{ error: string }> {
  const given = value['filename'];
  const parsed = typeof given === 'string' ? parseFilename(given) : null;
  if (parsed && !parsed.ok) return parsed;
  const givenType = parsed && typeOfExtension(parsed.extension);
  if (parsed && !givenType) return { error: unsupported(`.${parsed.extension}`) };
  const [kind] = sniff(content);
  if (!kind) return { error: unsupported(unsupportedType(content)) };
  if (parsed && givenType) return { filename: parsed.filename, type: givenType };
  // `is_csv` matters only for text: a PDF stays a PDF.
  const extension = value['is_csv'] === true && kind === 'text' ? 'csv' : extensionOf(kind);
  return { filename: `document.${extension}`, type: typeOfExtension(extension)! };
}

const defaultWeeks = 26;
const maxWeeks = 78;

/** The weeks of a `retention_period` (`N week` or `N weeks`, 1 to 78); null when it is invalid. */
function parseWeeks(period: unknown): number | null {
  if (period === null || period === undefined) return defaultWeeks;
  if (typeof period !== 'string') return null;
  const weeks = Number(/^(\d{1,4}) weeks?$/.exec(period.trim().toLowerCase())?.[1]);
  return weeks >= 1 && weeks <= maxWeeks ? weeks : null;
}

type Personalisation = Readonly<Record<string, unknown>>;

/** Maximum number of files in one message. Without this limit, a request could hold any number of small ones. */
const maxFiles = 20;

/** What decides whether a message may have files. */
export type FileRules =
  | Readonly<{ type: 'sms' | 'letter' }>
  | Readonly<{
      type: 'email';
      service: Pick<Service, 'id' | 'contactLink'>;
      /** ADMIN_BASE_URL. */
      adminBaseUrl: string;
      /** DOCUMENT_MAX_BYTES. */
      maxBytes: number;
    }>;

export type FilesOutcome =
  | Readonly<{ ok: true; files: ReadonlyMap<string, DocumentFile> }>
  | Readonly<{ ok: false; problem: Problem }>;

/**
 * Checks and decodes the files of a personalisation, by key: the fields of all of them, with the texts and in the order
 * of spec 01, section 3.6, then whether the service may send files, then the files themselves. Every file is checked,
 * whether or not the template uses it. Pure.
 */
export function readFiles(personalisation: Personalisation, rules: FileRules): FilesOutcome {
  const values = Object.entries(personalisation).filter((entry): entry is [string, FileValue] =>
    isFileValue(entry[1]),
  );
  const files = new Map<string, DocumentFile>();
  if (values.length === 0) return { ok: true, files };
  const refuse = (problem: Problem): FilesOutcome => ({ ok: false, problem });
  if (rules.type !== 'email') return refuse(badRequest('Can only send a file by email'));
  for (const [, value] of values) {
    const faults = fieldFaults(value);
    if (faults.length > 0) return refuse(invalid(faults));
  }
  const { service, adminBaseUrl, maxBytes } = rules;
  if (!service.contactLink)
    return refuse(
      badRequest(
        `Send files by email has not been set up - add contact details for your service at ${adminBaseUrl}/services/${service.id}/service-settings/send-files-by-email`,
      ),
    );
  if (values.length > maxFiles) return refuse(badRequest(`A message can have at most ${maxFiles} files`));
  for (const [name, value] of values) {
    const outcome = readContent(value, maxBytes);
    if (!outcome.ok) return outcome;
    files.set(name, outcome.file);
  }
  return { ok: true, files };
}

/** A file of a message that is not stored yet, and what its link says. */
export type NewDocument = DocumentLink &
  Readonly<{ file: DocumentFile; serviceId: string; recipientNormalised: string }>;

export type Linking = Readonly<{
  serviceId: string;
  /** The normalised email address that may open the files. */
  recipientNormalised: string;
  /** The names of the template's placeholders: a file under any other key is left out, like every unknown key. */
  placeholders: readonly string[];
  /** The URL that links begin with. */
  baseUrl: string;
  /** Every file becomes the link to a test document, and nothing is to be stored (spec 01, section 5.1). */
  isSimulated: boolean;
}>;

/**
 * A personalisation with each file replaced by its link, and the documents that have to be stored with the message
 * (spec 01, section 3.6). `files` as `readFiles` returned them.
 */
export function linkFiles(
  personalisation: Personalisation,
  files: ReadonlyMap<string, DocumentFile>,
  linking: Linking,
): { personalisation: Record<string, unknown>; documents: readonly NewDocument[] } {
  const { serviceId, recipientNormalised, placeholders, baseUrl, isSimulated } = linking;
  // Of keys that match the same placeholder, the last one counts.
  const lastKeys = new Map(Object.keys(personalisation).map((name) => [normaliseKey(name), name]));
  const used = new Set(placeholders.map((name) => lastKeys.get(normaliseKey(name))));
  const documents: NewDocument[] = [];
  const entries = Object.entries(personalisation).flatMap(([name, value]): [string, unknown][] => {
    const file = files.get(name);
    if (!file) return [[name, value]];
    if (!used.has(name)) return [];
    if (isSimulated) return [[name, testDocumentUrl(baseUrl, serviceId)]];
    const link = { id: randomUUID(), key: newKey() };
    documents.push({ ...link, file, serviceId, recipientNormalised });
    return [[name, documentUrl(baseUrl, link)]];
  });
  return { personalisation: objectOf(entries), documents };
}

/** Stores documents within the transaction that stores their message. `now` is in Unix milliseconds. */
export async function storeDocuments(
  { trx, storage }: Readonly<{ trx: Trx; storage: DocumentStorage }>,
  documents: readonly NewDocument[],
  now: number,
): Promise<void> {
  await addDocuments(
    trx,
    documents.map((document) => rowOf(document, now)),
  );
  for (const { id, key, file } of documents)
    await storage.put([{ id, sealed: documentCipher({ id, key }).seal(file.content, 'content') }], trx);
}

function rowOf({ id, key, file, serviceId, recipientNormalised }: NewDocument, now: number): Document {
  const cipher = documentCipher({ id, key });
  return {
    id,
    serviceId,
    filename: cipher.seal(Buffer.from(file.filename), 'filename'),
    contentType: file.contentType,
    size: file.content.length,
    proof: cipher.proof(),
    recipientHash: file.confirmEmail ? cipher.recipientHash(recipientNormalised) : null,
    createdAt: new Date(now),
    // At the end of a day, because the page names the last day only.
    expiresAt: new Date(dayStart(dayAfter(dayOf(now), 7 * file.weeks + 1))),
  };
}
