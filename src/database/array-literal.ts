import { isoTime } from '../ground/clock.ts';

const quotable = /["\\]/;
const quotables = /["\\]/g;
const isoLength = '2026-11-30T14:05:06.789Z'.length;

/**
 * An array of strings, numbers, booleans, times, bytes and nulls as PostgreSQL reads it from text. The driver would build
 * the same, at several times the cost, and every message passes through a dozen such arrays. null: it has something
 * else in it, and is left to the driver.
 */
export function arrayLiteral(values: readonly unknown[]): string | null {
  return plainLiteral(values) ?? literalByValue(values);
}

/** Half the cost, for texts and nulls of which none needs an escape: then JSON writes them alike, in one go. */
function plainLiteral(values: readonly unknown[]): string | null {
  for (const value of values) if (typeof value !== 'string' && value !== null) return null;
  const json = JSON.stringify(values);
  return json.includes('\\') ? null : `{${json.slice(1, -1)}}`;
}

function literalByValue(values: readonly unknown[]): string | null {
  let literal = '{';
  let time: Date | null = null;
  let written = '';
  for (let i = 0; i < values.length; i++) {
    if (i > 0) literal += ',';
    const value = values[i];
    if (value === null || value === undefined) literal += 'NULL';
    else if (typeof value === 'string')
      literal += quotable.test(value) ? `"${value.replace(quotables, '\\$&')}"` : `"${value}"`;
    // Numbers, booleans and times contain nothing that would have to be quoted.
    else if (typeof value === 'number' || typeof value === 'boolean') literal += value;
    else if (value instanceof Date) {
      // Often the same for a whole batch.
      if (value !== time) written = isoTime(value.getTime());
      time = value;
      // The driver knows how to write years before 0 and after 9999.
      if (written.length !== isoLength) return null;
      literal += written;
    } else if (Buffer.isBuffer(value)) literal += `"\\\\x${value.toString('hex')}"`;
    else return null;
  }
  return `${literal}}`;
}
