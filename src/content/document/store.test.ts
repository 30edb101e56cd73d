import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { testDocumentStorage } from '../../../test/conformance/document-storage.ts';
import { freshDatabase } from '../../../test/support/database.ts';
import { type Connection, connect } from '../../database/connection.ts';
import { migrate } from '../../database/migrate.ts';
import { createLog } from '../../ground/log.ts';
import {
  addDocuments,
  type Document,
  type DocumentStorage,
  databaseStorage,
  deleteExpiredDocuments,
  findDocument,
  releaseGuess,
  reserveGuess,
} from './store.ts';

let database: Awaited<ReturnType<typeof freshDatabase>>;
let connection: Connection;
before(async () => {
  database = await freshDatabase();
  const log = createLog('silent');
  connection = connect(database.url, 10, log);
  await migrate(connection.db, log);
});
after(async () => {
  await connection.close();
  await database.drop();
});

const now = Date.UTC(2026, 10, 21);
const hour = 3_600_000;

const documentOf = (expiresAt: number): Document => ({
  id: randomUUID(),
  serviceId: randomUUID(),
  filename: randomBytes(40),
  contentType: 'text/csv',
  size: 5,
  proof: randomBytes(32),
  recipientHash: null,
  createdAt: new Date(now),
  expiresAt: new Date(expiresAt),
});

testDocumentStorage('the storage in the database', () => databaseStorage(connection.db));

test('a document is found until the moment it expires', async () => {
  const { db } = connection;
  const document = documentOf(now + hour);
  await addDocuments(db, [document]);
  assert.deepEqual(await findDocument(db, document.id, now + hour - 1), document);
  assert.equal(await findDocument(db, document.id, now + hour), null);
  assert.equal(await findDocument(db, randomUUID(), now), null);
});

test('however many guesses arrive at once, ten an hour are allowed', async () => {
  const { db } = connection;
  const document = documentOf(now + 100 * hour);
  await addDocuments(db, [document]);
  const guess = async (time: number) => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => reserveGuess(db, document.id, time)));
    return [answers.filter((wait) => wait === null).length, Math.max(...answers.map(Number))];
  };
  assert.deepEqual(await guess(now), [10, 3600]);
  assert.deepEqual(await guess(now + hour - 1500), [0, 2]);
  assert.deepEqual(await guess(now + hour), [10, 3600]);
  await releaseGuess(db, document.id);
  assert.equal((await guess(now + hour + 1))[0], 1);
});

test('expired documents are deleted with their contents, in batches, and no others', async () => {
  const { db } = connection;
  await db.deleteFrom('documents').execute();
  const storage = databaseStorage(db);
  const documents = [-3, -2, -1, 1].map((hours) => documentOf(now + hours * hour));
  await addDocuments(db, documents);
  await storage.put(documents.map(({ id }) => ({ id, sealed: randomBytes(10) })));
  const left = async () => {
    const opened = await Promise.all(documents.map(({ id }) => storage.open(id)));
    const rows = await db.selectFrom('documents').select('id').execute();
    return [opened.map((content) => content !== null), rows.length];
  };
  assert.equal(await deleteExpiredDocuments({ db, storage }, now, 2), 2);
  assert.deepEqual(await left(), [[false, false, true, true], 2]);
  assert.equal(await deleteExpiredDocuments({ db, storage }, now), 1);
  assert.deepEqual(await left(), [[false, false, false, true], 1]);
  assert.equal(await deleteExpiredDocuments({ db, storage }, now), 0);
});

test('when the storage fails the rows stay, so that the next run finds them', async () => {
  const { db } = connection;
  const document = documentOf(now - hour);
  await addDocuments(db, [document]);
  const broken: DocumentStorage = {
    ...databaseStorage(db),
    delete: () => Promise.reject(new Error('away')),
  };
  await assert.rejects(deleteExpiredDocuments({ db, storage: broken }, now), /away/);
  assert.equal(await deleteExpiredDocuments({ db, storage: databaseStorage(db) }, now), 1);
});
