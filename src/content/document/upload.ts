import { randomUUID } from 'node:crypto';
import type { Db } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import { badRequest, type Problem } from '../../ground/problem.ts';
import { dayAfter, dayOf, dayStart } from '../../ground/time-zone.ts';
import type { Service } from '../../tenant/service/service.ts';
import { type DocumentFile, isFileValue, parseFile } from './file.ts';
import { documentCipher, documentUrl, newKey, testDocumentUrl } from './link.ts';
import { addDocuments, type Document, type DocumentStorage, type SealedContent } from './store.ts';

type Personalisation = Readonly<Record<string, unknown>>;

/** The most files of one message. Without this limit, a request could hold any number of small ones. */
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
 * Why the files in a personalisation make a message unacceptable; null if they do not (spec 01, section 3.6). Every file
 * is checked, whether or not the template uses it. Pure: nothing is stored.
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
 * Documents are durable when this resolves, which is before the message is: a refusal or crash after it leaves documents
 * whose links nobody has. They cannot be opened and are deleted when they expire.
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
  // Object.fromEntries keeps a name such as `__proto__` as a name.
  return Object.fromEntries(entries);
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
