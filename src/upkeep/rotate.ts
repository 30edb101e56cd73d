import type { Db } from '../database/connection.ts';
import { type Cipher, CipherError } from '../ground/cipher.ts';
import { type SealedColumn, sealedColumns } from './sealed-columns.ts';
import { findValues, type Place, type Replacement } from './store-sealed.ts';
import { replacePatiently, walk } from './walk-sealed.ts';

export type RotateDeps = Readonly<{ db: Db; cipher: Cipher }>;

/** How many values of a column are sealed under which key. */
export type Count = Readonly<{ column: SealedColumn; values: ReadonlyMap<string, number> }>;

/** Counts every value that is sealed under SECRET_KEY, column by column. */
export async function countSealed(
  { db }: Pick<RotateDeps, 'db'>,
  columns: readonly SealedColumn[] = sealedColumns,
): Promise<readonly Count[]> {
  const counts: Count[] = [];
  for (const column of columns) {
    const values = new Map<string, number>();
    await walk(db, column, async ({ values: some }) => {
      for (const [keyId, count] of some) values.set(keyId, (values.get(keyId) ?? 0) + count);
    });
    counts.push({ column, values });
  }
  return counts;
}

/** How far the values of one column are: those that are done in this run, and about how many are left. */
export type Progress = Readonly<{ column: SealedColumn; done: number; left: number }>;

/**
 * Seals every value again that is not sealed under the first key of SECRET_KEY (spec 06, section 7). Each portion is a
 * statement of its own, and a value that somebody changes meanwhile is left to them: so it may run beside everything
 * else, also beside itself, be killed at any moment and be repeated. What cannot be opened is left as it is. Returns how
 * many values were sealed again.
 */
export async function rotate(
  deps: RotateDeps,
  counts: readonly Count[],
  onProgress: (progress: Progress) => void,
): Promise<number> {
  let all = 0;
  for (const { column, values } of counts) {
    const total = oldIn(values, deps.cipher);
    if (total === 0) continue;
    let done = 0;
    await walk(deps.db, column, async ({ values: some, after, last }) => {
      if (oldIn(some, deps.cipher) === 0) return;
      done += await resealPortion(deps, column, after, last);
      onProgress({ column, done, left: Math.max(0, total - done) });
    });
    all += done;
  }
  return all;
}

/** The values that are not sealed under the first key. */
export function oldIn(values: ReadonlyMap<string, number>, { keyIds }: Pick<Cipher, 'keyIds'>): number {
  return [...values].reduce((sum, [keyId, count]) => (keyId === keyIds[0] ? sum : sum + count), 0);
}

async function resealPortion(
  { db, cipher }: RotateDeps,
  column: SealedColumn,
  from: Place | null,
  until: Place,
): Promise<number> {
  let done = 0;
  for (let after = from; ; ) {
    const found = await findValues(db, column, { except: cipher.keyIds[0]!, after, until });
    if (found.length === 0) return done;
    const replacements = found.flatMap(({ place, value }): Replacement[] => {
      const now = resealed(cipher, value, column.context(...place));
      return now ? [{ place, value, now }] : [];
    });
    done += await replacePatiently(db, column, replacements);
    after = found.at(-1)!.place;
  }
}

/** null: its key is not in SECRET_KEY, or it is damaged. */
function resealed(cipher: Cipher, value: Buffer, context: string): Buffer | null {
  try {
    return cipher.seal(cipher.open(value, context), context);
  } catch (error) {
    if (error instanceof CipherError) return null;
    throw error;
  }
}
