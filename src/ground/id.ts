import { randomFillSync } from 'node:crypto';
import type { Clock } from './clock.ts';

/** Makes UUIDv7 ids. */
export type IdSource = () => string;

/**
 * A source of UUIDv7: 48 bits of Unix milliseconds, then a 12-bit counter within the millisecond (so that ids of one
 * process rise in the order they were made), then 62 random bits. Notification ids are made so: the tables are split
 * by day along the id (DESIGN, section 6).
 */
export function createIdSource(clock: Clock): IdSource {
  let lastTime = 0;
  let sequence = 0;
  return () => {
    const now = clock.now();
    if (now > lastTime) {
      lastTime = now;
      sequence = 0;
    } else if (sequence < 0xfff) {
      sequence += 1;
    } else {
      // More than 4096 in one millisecond: borrow from the next one rather than repeat a counter.
      lastTime += 1;
      sequence = 0;
    }
    const bytes = randomBlock(8);
    bytes[0] = (bytes[0]! & 0x3f) | 0x80;
    const tail = bytes.toString('hex');
    const time = lastTime.toString(16).padStart(12, '0');
    const counter = sequence.toString(16).padStart(3, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${tail.slice(0, 4)}-${tail.slice(4)}`;
  };
}

const pool = Buffer.alloc(16 * 1024);
let offset = pool.length;

/** Random bytes cut from one large block, to be used at once: asking the system for a few costs more than their use. */
function randomBlock(length: number): Buffer {
  if (offset + length > pool.length) {
    randomFillSync(pool);
    offset = 0;
  }
  offset += length;
  return pool.subarray(offset - length, offset);
}

/** `bytes` random bytes in hex, for ids that need not be secret. */
export function randomHex(bytes: number): string {
  return randomBlock(bytes).toString('hex');
}

/** The smallest id of a moment (Unix milliseconds): a bound for ranges of ids. */
export function idFloor(time: number): string {
  const hex = Math.max(0, time).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/**
 * By how much the time in an id may lie before or after the `created_at` of its row: it is made at another moment of the
 * same request, and borrows milliseconds in a rush. For ranges of ids that stand for ranges of `created_at`.
 */
export const idMarginMilliseconds = 600_000;

/** When a UUIDv7 was made, in Unix milliseconds. */
export function idTime(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * A UUID in any of the accepted spellings (`urn:uuid:`, braces, no hyphens, any case: spec 01, section 3.2) as lower
 * case with hyphens; null when it is none.
 */
export function parseUuid(text: string): string | null {
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
