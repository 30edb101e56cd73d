/**
 * The parts of a workbook, which is a ZIP archive in memory. A part is unpacked as a stream, however often it is asked
 * for, and none further than its bound: 10 MiB can unpack to 10 GiB.
 */
import { setImmediate } from 'node:timers/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { Refusal } from './refusal.ts';

/** Parts in the largest archive that is read; the largest workbooks have some hundreds. */
const maxParts = 10_000;

/** Bytes unpacked at a time, before the event loop may run. */
const pieceBytes = 65_536;

const stored = 0;

export class Archive {
  readonly #bytes: Buffer;
  readonly #zip: ZipFile;
  readonly #watch: () => void;
  readonly #entries = new Map<string, Entry>();

  private constructor(bytes: Buffer, zip: ZipFile, watch: () => void) {
    this.#bytes = bytes;
    this.#zip = zip;
    this.#watch = watch;
  }

  /** `watch` is called after each piece; what it throws ends the reading. Throws a `Refusal` for any other bytes. */
  static async open(bytes: Buffer, watch: () => void): Promise<Archive> {
    const zip = await readable(() => fromBufferPromise(bytes));
    const archive = new Archive(bytes, zip, watch);
    if (zip.entryCount > maxParts) throw new Refusal('too-long');
    const entries = zip.eachEntry();
    for (let step = await readable(() => entries.next()); !step.done; ) {
      // Names of parts differ by more than case; some programs write a name in one case and refer to it in another.
      const name = step.value.fileName.toLowerCase();
      if (!archive.#entries.has(name)) archive.#entries.set(name, step.value);
      watch();
      step = await readable(() => entries.next());
    }
    return archive;
  }

  has(name: string): boolean {
    return this.#entries.has(name.toLowerCase());
  }

  /** Unpacks a part. A missing, damaged or encrypted one, or one of more than `maxBytes`, throws a `Refusal`. */
  async *read(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, void> {
    const entry = this.#entries.get(name.toLowerCase());
    if (!entry) throw new Refusal('not-a-workbook');
    if (entry.isEncrypted()) throw new Refusal('encrypted');
    if (!entry.canDecodeFileData()) throw new Refusal('not-a-workbook');
    const { fileDataStart } = await readable(() =>
      this.#zip.readLocalFileHeaderPromise(entry, { minimal: true }),
    );
    const packed = this.#bytes.subarray(fileDataStart, fileDataStart + entry.compressedSize);
    let bytes = 0;
    let checksum = 0;
    const pieces = entry.compressionMethod === stored ? slices(packed) : inflated(packed);
    for await (const piece of pieces) {
      bytes += piece.length;
      if (bytes > maxBytes) throw new Refusal('too-long');
      checksum = crc32(piece, checksum);
      this.#watch();
      yield piece;
    }
    if (bytes !== entry.uncompressedSize || checksum !== entry.crc32) throw new Refusal('not-a-workbook');
  }
}

async function* slices(bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    yield bytes.subarray(start, start + pieceBytes);
    await setImmediate();
  }
}

async function* inflated(packed: Buffer): AsyncGenerator<Buffer, void, void> {
  const inflate = createInflateRaw({ chunkSize: pieceBytes });
  const pieces = inflate[Symbol.asyncIterator]();
  try {
    inflate.end(packed);
    for (;;) {
      const step = await readable(() => pieces.next());
      if (step.done) return;
      yield step.value;
    }
  } finally {
    inflate.destroy();
  }
}

/** Whatever a library finds wrong with the bytes. */
async function readable<Value>(step: () => Promise<Value>): Promise<Value> {
  try {
    return await step();
  } catch {
    throw new Refusal('not-a-workbook');
  }
}
