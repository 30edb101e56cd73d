import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { DocumentStorage } from '../../src/content/document/store.ts';

/** The conformance suite of `DocumentStorage`, called by every implementation's test; `start` makes a storage. */
export function testDocumentStorage(
  name: string,
  start: () => Promise<DocumentStorage> | DocumentStorage,
): void {
  const content = (size = 100) => ({ id: randomUUID(), sealed: randomBytes(size) });

  describe(`${name} keeps the contract of a document storage`, () => {
    test('contents are read back as they were stored: empty, with every byte, and large', async () => {
      const storage = await start();
      const every = { id: randomUUID(), sealed: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) };
      const contents = [content(0), every, content(3 * 1024 * 1024)];
      await storage.put(contents);
      for (const { id, sealed } of contents) {
        const opened = await storage.open(id);
        assert.ok(opened && sealed.equals(opened), `${sealed.length} bytes`);
      }
    });

    test('opening an unknown id returns null', async () => {
      const storage = await start();
      assert.equal(await storage.open(randomUUID()), null);
    });

    test('putting or deleting nothing is not an error', async () => {
      const storage = await start();
      await storage.put([]);
      await storage.delete([]);
    });

    test('deleted contents are gone, others stay, and deleting again is not an error', async () => {
      const storage = await start();
      const [gone, kept] = [content(), content()];
      await storage.put([gone, kept]);
      await storage.delete([gone.id, randomUUID()]);
      await storage.delete([gone.id]);
      assert.equal(await storage.open(gone.id), null);
      assert.ok((await storage.open(kept.id))?.equals(kept.sealed));
    });

    test('putting an id again fails and keeps the first content', async () => {
      const storage = await start();
      const first = content();
      await storage.put([first]);
      await assert.rejects(storage.put([{ id: first.id, sealed: randomBytes(10) }]));
      assert.ok((await storage.open(first.id))?.equals(first.sealed));
    });

    test('concurrent puts do not disturb each other', async () => {
      const storage = await start();
      const all = Array.from({ length: 20 }, () => content(10_000));
      await Promise.all(all.map((one) => storage.put([one])));
      const opened = await Promise.all(all.map(({ id }) => storage.open(id)));
      for (const [index, { sealed }] of all.entries()) assert.ok(opened[index]?.equals(sealed));
    });
  });
}
