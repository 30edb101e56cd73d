import { randomUUID } from 'node:crypto';
import { Type } from 'typebox';
import type { Db } from '../../database/connection.ts';
import { type Clock, dayAfter, dayOf, dayStart } from '../../ground/clock.ts';
import { objectOf } from '../../ground/json.ts';
import { badRequest, invalid, type Problem } from '../../ground/problem.ts';
import { faultsOf, literal } from '../../http/validate/check.ts';
import type { Service } from '../../tenant/service/service.ts';
import { extensionOf, type FileType, sniff, supportedTypes, typeOfExtension } from './file-type.ts';
import { parseFilename } from './filename.ts';
import { documentCipher, documentUrl, newKey, testDocumentUrl } from './link.ts';
import { addDocuments, type Document, type DocumentStorage, type SealedContent } from './store.ts';

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

export type FileOutcome =
  | Readonly<{ ok: true; file: DocumentFile }>
  | Readonly<{ ok: false; problem: Problem }>;

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

/**
 * Checks and decodes one file value: first its fields, with the texts and in the order of spec 01, section 3.6, then
 * the file itself. `maxBytes` limits the decoded file. Pure.
 */
export function parseFile(value: FileValue, maxBytes: number): FileOutcome {
  const faults = fieldFaults(value);
  if (faults.length > 0) return { ok: false, problem: invalid(faults) };
  const refuse = (text: string): FileOutcome => ({ ok: false, problem: badRequest(text) });

  const content = decode(value.file as string, maxBytes);
  if (content === 'not base64') return refuse('Cannot decode file content (invalid base64 encoding)');
  if (content === 'too big')
    return refuse(`The file is too big: the limit is ${limitText(maxBytes)}, before base64`);
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

function limitText(bytes: number): string {
  const megabyte = 1024 * 1024;
  return bytes % megabyte === 0 ? `${bytes / megabyte}MB` : `${bytes} bytes`;
}

type Named = Readonly<{ filename: string; type: FileType }>;

/** The name and type: from the given name if the content fits it, from the content if there is no name. */
function nameAndType(content: Buffer, value: FileValue): Named | Readonly<{ error: string }> {
  const kinds = sniff(content);
  const given = value['filename'];
  if (typeof given !== 'string') {
    const [kind] = kinds;
    if (!kind) return { error: `Unsupported file type. Supported types are: ${supportedTypes}` };
    // `is_csv` matters only for text: a PDF stays a PDF.
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

/**
 * Why the files in a personalisation make a message unacceptable; null if they do not (spec 01, section 3.6). Every
 * file is checked, whether or not the template uses it. Pure: nothing is stored.
 */
export function fileProblems(personalisation: Personalisation, rules: FileRules): Problem | null {
  const values = Object.values(personalisation).filter(isFileValue);
  if (values.length === 0) return null;
  if (rules.type !== 'email') return badRequest('Can only send a file by email');
  const { service, adminBaseUrl, maxBytes } = rules;
  if (!service.contactLink)
    return badRequest(
      `Send files by email has not been set up - add contact details for your service at ${adminBaseUrl}/services/${service.id}/service-settings/send-files-by-email`,
    );
  if (values.length > maxFiles) return badRequest(`A message can have at most ${maxFiles} files`);
  for (const value of values) {
    const outcome = parseFile(value, maxBytes);
    if (!outcome.ok) return outcome.problem;
  }
  return null;
}

export type UploadDeps = Readonly<{ db: Db; storage: DocumentStorage; clock: Clock; maxBytes: number }>;

export type Upload = Readonly<{
  serviceId: string;
  /** The normalised email address that may open the files. */
  recipientNormalised: string;
  personalisation: Personalisation;
  /** The URL under which recipients reach the API. */
  baseUrl: string;
  /** For a simulated recipient nothing is stored (spec 01, section 5.1). */
  simulated?: boolean;
}>;

/**
 * Stores the files of a personalisation and returns it with each file replaced by its link (spec 01, section 3.6).
 * Documents are durable when this resolves, which is before the message is: a refusal or crash after it leaves
 * documents whose links nobody has. They cannot be opened and are deleted when they expire.
 *
 * Throws a Problem for a file that `fileProblems` refuses.
 */
export async function uploadFiles(deps: UploadDeps, upload: Upload): Promise<Record<string, unknown>> {
  const { personalisation, serviceId, baseUrl } = upload;
  const documents: Document[] = [];
  const contents: SealedContent[] = [];
  const entries = Object.entries(personalisation).map(([name, value]): [string, unknown] => {
    if (!isFileValue(value)) return [name, value];
    if (upload.simulated) return [name, testDocumentUrl(baseUrl, serviceId)];
    const outcome = parseFile(value, deps.maxBytes);
    if (!outcome.ok) throw outcome.problem;
    const { document, sealed, link } = seal(outcome.file, upload, deps.clock.now());
    documents.push(document);
    contents.push({ id: document.id, sealed });
    return [name, link];
  });
  if (documents.length > 0) {
    // Rows first, so that the deletion of expired documents finds the contents whatever happens.
    await addDocuments(deps.db, documents);
    await deps.storage.put(contents);
  }
  return objectOf(entries);
}

function seal(file: DocumentFile, { serviceId, recipientNormalised, baseUrl }: Upload, now: number) {
  const id = randomUUID();
  const key = newKey();
  const cipher = documentCipher({ id, key });
  const document: Document = {
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
  return { document, sealed: cipher.seal(file.content, 'content'), link: documentUrl(baseUrl, { id, key }) };
}
