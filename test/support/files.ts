import { linkFiles, readFiles, storeDocuments } from '../../src/content/document/file.ts';
import { databaseStorage } from '../../src/content/document/store.ts';
import type { Db } from '../../src/database/connection.ts';

/** A file to upload as if it were sent by email; `value` as in a personalisation. */
export type UploadedFile = Readonly<{
  serviceId: string;
  recipient: string;
  value: object;
  baseUrl: string;
  now: number;
}>;

/** Stores a file as if an email with it had been sent. Returns its link. */
export async function uploadFile(
  db: Db,
  { serviceId, recipient, value, baseUrl, now }: UploadedFile,
): Promise<string> {
  const service = { id: serviceId, contactLink: 'https://harbour.example/contact' };
  const rules = { type: 'email', service, adminBaseUrl: '', maxBytes: 2_097_152 } as const;
  const outcome = readFiles({ doc: value }, rules);
  if (!outcome.ok) throw outcome.problem;
  const linked = linkFiles({ doc: value }, outcome.files, {
    ...{ serviceId, recipientNormalised: recipient, baseUrl },
    placeholders: ['doc'],
    isSimulated: false,
  });
  await db
    .transaction()
    .execute((trx) => storeDocuments({ trx, storage: databaseStorage(db) }, linked.documents, now));
  return String(linked.personalisation['doc']);
}
