import { hash, randomFillSync } from 'node:crypto';
import type { Clock } from './clock.ts';

/** Generates UUIDv7 ids. */
export type IdSource = () => string;

/**
 * UUIDv7: 48 bits of Unix milliseconds, a 12-bit counter within the millisecond (so the ids of one process ascend,
 * unless its clock is set back by minutes), 62 random bits. Notification ids are UUIDv7 because tables are partitioned by ranges of the id.
 */
export function createIdSource(clock: Clock): IdSource {
  let lastTime = 0;
  let sequence = 0;
  return () => {
    const now = clock.now();
    // A clock that was far ahead and has been set right: ids must not stay ahead of the times in their rows.
    if (now > lastTime || now < lastTime - idMarginMilliseconds / 2) {
      lastTime = now;
      sequence = 0;
    } else if (sequence < 0xfff) {
      sequence += 1;
    } else {
      // More than 4096 in one millisecond: use the next millisecond rather than repeat a counter.
      lastTime += 1;
      sequence = 0;
    }
    const bytes = randomBlock(8);
    bytes[0] = (bytes[0]! & 0x3f) | 0x80;
    return written(lastTime, sequence, bytes.toString('hex'));
  };
}

/**
 * The UUIDv7 that is the same whenever it is made of the same: `time` in Unix milliseconds, `sequence` from 0 to 4095,
 * by which ids of one time ascend, and a hash of `name` in place of the random bits.
 */
export function derivedId(time: number, sequence: number, name: string): string {
  const digest = hash('sha256', name, 'buffer');
  digest[0] = (digest[0]! & 0x3f) | 0x80;
  return written(time, sequence, digest.toString('hex', 0, 8));
}

/** `tail`: the last 8 bytes in hex, with the variant. */
function written(milliseconds: number, sequence: number, tail: string): string {
  const time = milliseconds.toString(16).padStart(12, '0');
  const counter = sequence.toString(16).padStart(3, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

const pool = Buffer.alloc(16 * 1024);
let offset = pool.length;

/** Random bytes from one large block, valid until the next call: asking the system for a few at a time is slow. */
function randomBlock(length: number): Buffer {
  if (offset + length > pool.length) {
    randomFillSync(pool);
    offset = 0;
  }
  offset += length;
  return pool.subarray(offset - length, offset);
}

/** `bytes` random bytes in hex, for ids that are not secret. */
export function randomHex(bytes: number): string {
  return randomBlock(bytes).toString('hex');
}

/** The smallest id for a time (Unix milliseconds), as the bound of an id range. */
export function idFloor(time: number): string {
  const hex = Math.max(0, time).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/**
 * How far the time in an id may differ from the `created_at` of its row, since both are taken at different moments of a
 * request and ids run ahead under load. For id ranges that approximate ranges of `created_at`.
 */
export const idMarginMilliseconds = 600_000;

/** The time in a UUIDv7, in Unix milliseconds. */
export function idTime(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * A UUID in any accepted spelling (`urn:uuid:`, braces, no hyphens, any case: spec 01, section 3.2) in lower case with
 * hyphens; null if it is not a UUID, or no text at all.
 */
export function parseUuid(text: unknown): string | null {
  if (typeof text !== 'string') return null;
  if (pattern.test(text)) return text;
  const hex = text
    .replace('urn:', '')
    .replace('uuid:', '')
    .replace(/^[{}]+|[{}]+$/g, '')
    .replaceAll('-', '')
    .toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) return null;
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
