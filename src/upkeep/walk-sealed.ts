import { type Db, isTransient } from '../database/connection.ts';
import { type Cipher, CipherError } from '../ground/cipher.ts';
import type { SealedColumn } from './sealed-columns.ts';
import { countPortion, findValues, type Place, type Replacement, replaceValues } from './store-sealed.ts';

/** Rows that one statement looks at. */
const portionRows = 2000;

type Step = Readonly<{ values: ReadonlyMap<string, number>; after: Place | null; last: Place }>;

/** Goes through all rows of a column, some at a time, in the order of their keys. */
export async function walk(
  db: Db,
  column: SealedColumn,
  onStep: (step: Step) => Promise<void>,
): Promise<void> {
  for (let after: Place | null = null; ; ) {
    const { last, values } = await countPortion(db, column, after, portionRows);
    if (last === null) return;
    await onStep({ values, after, last });
    after = last;
  }
}

/** A value as text, and the row that it is in. */
export type OpenedValue = Readonly<{ place: Place; text: string }>;

/**
 * Reads every value of a column, some at a time. For each that is to be replaced `rewrite` returns the new text, for any
 * other null. What cannot be opened is left out, and what somebody has changed meanwhile is read again.
 */
export async function rewriteValues(
  { db, cipher }: Readonly<{ db: Db; cipher: Cipher }>,
  column: SealedColumn,
  rewrite: (values: readonly OpenedValue[]) => Promise<readonly (string | null)[]>,
): Promise<void> {
  await walk(db, column, async ({ after: from, last: until }) => {
    let tries = 0;
    for (let after = from; ; ) {
      const found = await findValues(db, column, { except: null, after, until });
      if (found.length === 0) return;
      const opened = found.flatMap((one) => {
        const text = textOf(cipher, one.value, column.context(...one.place));
        return text === null ? [] : [{ ...one, text }];
      });
      const texts = await rewrite(opened);
      const replacements = opened.flatMap(({ place, value }, index): Replacement[] => {
        const text = texts[index] ?? null;
        return text === null ? [] : [{ place, value, now: cipher.seal(text, column.context(...place)) }];
      });
      const replaced = await replacePatiently(db, column, replacements);
      tries += 1;
      // Whoever was faster may have written what is to be replaced.
      if (replaced === replacements.length || tries >= mostTries) {
        after = found.at(-1)!.place;
        tries = 0;
      }
    }
  });
}

function textOf(cipher: Cipher, value: Buffer, context: string): string | null {
  try {
    return cipher.open(value, context);
  } catch (error) {
    if (error instanceof CipherError) return null;
    throw error;
  }
}

const mostTries = 5;

/** Replaces values; others lock rows in other orders; the database ends one of two statements that wait for each other. */
export async function replacePatiently(
  db: Db,
  column: SealedColumn,
  replacements: readonly Replacement[],
): Promise<number> {
  if (replacements.length === 0) return 0;
  for (let attempt = 1; ; attempt++) {
    try {
      return await replaceValues(db, column, replacements);
    } catch (error) {
      if (attempt === mostTries || !isTransient(error)) throw error;
    }
  }
}
