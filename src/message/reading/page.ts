import { setImmediate } from 'node:timers/promises';
import { callerLeft } from '../../ground/problem.ts';

/** A page ends when its rows have this many bytes as JSON (spec 01, section 3.8). */
export const pageBytes = 4 * 1024 * 1024;

/**
 * Shows rows one after the other, at least one, until the page has enough bytes. Other requests go on in between. Stops
 * when the caller has left.
 */
export async function fillPage<Row, Shown>(
  rows: readonly Row[],
  left: AbortSignal,
  show: (row: Row) => Shown | Promise<Shown>,
): Promise<readonly Shown[]> {
  const page: Shown[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (left.aborted) throw callerLeft();
    const shown = await show(row);
    page.push(shown);
    bytes += Buffer.byteLength(JSON.stringify(shown));
    if (bytes >= pageBytes) break;
    await setImmediate();
  }
  return page;
}
