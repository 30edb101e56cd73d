const quotable = /["\\]/;
const quotables = /["\\]/g;
const isoLength = '2026-11-30T14:05:06.789Z'.length;

/**
 * An array of strings, numbers, booleans, times, bytes and nulls as PostgreSQL reads it from text. The driver would build
 * the same, at several times the cost, and every message passes through a dozen such arrays. null: it has something
 * else in it, and is left to the driver.
 */
export function arrayLiteral(values: readonly unknown[]): string | null {
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
      if (value !== time) written = value.toISOString();
      time = value;
      // The driver knows how to write years before 0 and after 9999.
      if (written.length !== isoLength) return null;
      literal += written;
    } else if (Buffer.isBuffer(value)) literal += `"\\\\x${value.toString('hex')}"`;
    else return null;
  }
  return `${literal}}`;
}
