import { stopwatch } from '../ground/clock.ts';
import { type Count, countSealed, oldIn, type Progress, rotate } from '../upkeep/rotate.ts';
import type { Local, Noun } from './noun.ts';

/** The secrets of SECRET_KEY, and what is encrypted under each (docs/operations.md, "Secrets"). */
export const noun: Noun = {
  name: 'keys',
  summary: 'the secrets of SECRET_KEY, under which values are encrypted',
  columns: [],
  actions: {
    check: {
      usage: '',
      summary: 'Counts the values under each secret, and changes nothing.',
      run: (_call, _given, local) => check(local),
    },
    rotate: {
      usage: '[--dry-run]',
      summary:
        'Encrypts every value under the first secret, while messages flow. It can be stopped and repeated at any time.',
      async run(_call, { options }, local) {
        if (options['dry-run'] !== undefined) return await check(local);
        const done = await rotate(local, await countSealed(local), showProgress());
        return resultOf(local, await countSealed(local), done);
      },
    },
  },
};

async function check(local: Local) {
  return resultOf(local, await countSealed(local), null);
}

/** Between two lines of one column. */
const lineMilliseconds = 1000;

/** Shows on standard error how far the columns are. */
function showProgress(): (progress: Progress) => void {
  let sinceLine: (() => number) | null = null;
  return ({ column: { table, column }, done, left }) => {
    if (left > 0 && sinceLine && sinceLine() < lineMilliseconds) return;
    sinceLine = stopwatch();
    console.error(`${table}.${column}: ${number(done)} done, ${number(left)} left`);
  };
}

/** `done`: values that were encrypted again; null: it was not tried. */
function resultOf({ cipher }: Local, counts: readonly Count[], done: number | null) {
  const totals = new Map<string, number>(cipher.keyIds.map((keyId) => [keyId, 0]));
  for (const { values } of counts)
    for (const [keyId, count] of values) totals.set(keyId, (totals.get(keyId) ?? 0) + count);
  const keys = [...totals].map(([keyId, values]) => {
    const index = cipher.keyIds.indexOf(keyId);
    return { key_id: keyId, place: index === -1 ? null : index + 1, values };
  });
  const tables = counts
    .map(({ column: { table, column }, values }) => ({ table, column, left: oldIn(values, cipher) }))
    .filter(({ left }) => left > 0);
  const data = { keys, re_encrypted: done, left: oldIn(totals, cipher), tables };
  return { data, text: [...linesOf(data), ...adviceOn(data)].join('\n') };
}

type Shown = Readonly<{
  keys: readonly Readonly<{ key_id: string; place: number | null; values: number }>[];
  re_encrypted: number | null;
  left: number;
  tables: readonly Readonly<{ table: string; column: string; left: number }>[];
}>;

function linesOf({ keys, re_encrypted, tables }: Shown): readonly string[] {
  return [
    ...(re_encrypted === null ? [] : [`Encrypted again: ${number(re_encrypted)} values.`]),
    ...keys.map(({ key_id, place, values }) => {
      const name = place === null ? 'a secret that SECRET_KEY lacks' : `secret ${place} of SECRET_KEY`;
      return `${name} (key ${key_id || 'unreadable'}): ${number(values)} values`;
    }),
    ...tables.map(({ table, column, left }) => `  left in ${table}.${column}: ${number(left)}`),
  ];
}

/** What links hold cannot be found: it is in messages that people have. */
const links =
  'Links in messages that were sent cannot be encrypted again: a link to unsubscribe works for a year, and only as long as the secret that it was made with is in the list.';

function adviceOn({ keys, re_encrypted, left }: Shown): readonly string[] {
  if (left === 0)
    return keys.length === 1
      ? ['Every value is encrypted under the only secret.']
      : [
          'Every value is encrypted under the first secret: the others can be removed from SECRET_KEY, once no process has another one first.',
          links,
        ];
  if (keys.some(({ place, values }) => place === null && values > 0))
    return [
      'What is encrypted under a secret that SECRET_KEY lacks cannot be read: put that secret at the end of the list and rotate again.',
    ];
  return re_encrypted === null
    ? ['Keep all secrets, and run `despatch keys rotate`.']
    : [
        'Keep all secrets: a process has another secret first, or values were changed meanwhile. Restart every process with the same list, and rotate again.',
      ];
}

function number(count: number): string {
  return count.toLocaleString('en-GB');
}
