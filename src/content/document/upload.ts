import { randomUUID } from 'node:crypto';
import type { Db } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import { badRequest, type Problem } from '../../ground/problem.ts';
import { dayAfter, dayOf, dayStart } from '../../ground/time-zone.ts';
import type { Service } from '../../tenant/service/service.ts';
import { type DocumentFile, isFileValue, parseFile } from './file.ts';
import { linkOf, testLink } from './link.ts';
import { lockOf, newKey } from './lock.ts';
import type { DocumentStorage } from './storage.ts';
import { addDocuments, type Document } from './store.ts';

type Personalisation = Readonly<Record<string, unknown>>;

/** Of one message; each is small enough by itself, and a request could hold any number of small ones. */
const mostFiles = 20;

/** What a message with files needs to be taken. */
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
 * Why a message with this personalisation cannot be taken because of the files in it; null where it can, or there are
 * none (spec 01, section 3.6). Pure: nothing is stored. Every file is looked at, whether or not the template names it.
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
  if (values.length > mostFiles) return badRequest(`A message can have at most ${mostFiles} files`);
  for (const value of values) {
    const outcome = parseFile(value, maxBytes);
    if (!outcome.ok) return outcome.problem;
  }
  return null;
}

export type UploadDeps = Readonly<{ db: Db; storage: DocumentStorage; clock: Clock; maxBytes: number }>;

export type Upload = Readonly<{
  serviceId: string;
  /** The normalised address that may open the files. */
  recipientNormalised: string;
  personalisation: Personalisation;
  /** Of the API as recipients reach it. */
  baseUrl: string;
  /** A simulated recipient: nothing is stored (spec 01, section 5.1). */
  simulated?: boolean;
}>;

/**
 * Stores the files of a personalisation and answers it with each replaced by its link, all other values as they were.
 * The documents are durable when this resolves, which is before the message is: a refusal after this, or a crash, leaves
 * documents whose links nobody was ever given. They cannot be opened, and they go when they expire.
 *
 * Throws a Problem for a file that `fileProblems` would have told of.
 */
export async function uploadFiles(deps: UploadDeps, upload: Upload): Promise<Record<string, unknown>> {
  const { personalisation, serviceId, baseUrl } = upload;
  const documents: Document[] = [];
  const contents: { id: string; sealed: Buffer }[] = [];
  const entries = Object.entries(personalisation).map(([name, value]): [string, unknown] => {
    if (!isFileValue(value)) return [name, value];
    if (upload.simulated) return [name, testLink(baseUrl, serviceId)];
    const outcome = parseFile(value, deps.maxBytes);
    if (!outcome.ok) throw outcome.problem;
    const { document, sealed, link } = seal(outcome.file, upload, deps.clock.now());
    documents.push(document);
    contents.push({ id: document.id, sealed });
    return [name, link];
  });
  if (documents.length > 0) {
    // Rows first: whatever becomes of the contents, the deletion of what has expired finds them.
    await addDocuments(deps.db, documents);
    await deps.storage.put(contents);
  }
  // Also a name such as `__proto__` stays a name.
  return Object.fromEntries(entries);
}

function seal(file: DocumentFile, { serviceId, recipientNormalised, baseUrl }: Upload, now: number) {
  const id = randomUUID();
  const key = newKey();
  const lock = lockOf(id, key);
  const document: Document = {
    id,
    serviceId,
    filename: lock.seal(Buffer.from(file.filename), 'filename'),
    contentType: file.contentType,
    size: file.content.length,
    proof: lock.proof(),
    recipientHash: file.confirmEmail ? lock.recipientHash(recipientNormalised) : null,
    createdAt: new Date(now),
    // The end of its last day, so that the page can name a day and keep its word.
    expiresAt: new Date(dayStart(dayAfter(dayOf(now), 7 * file.weeks + 1))),
  };
  return { document, sealed: lock.seal(file.content, 'content'), link: linkOf(baseUrl, { id, key }) };
}
