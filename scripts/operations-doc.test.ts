import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { settings } from '../src/config/config.ts';
import { parseRates } from '../src/content/recipient/international-rates.ts';
import { roles } from '../src/process/compose.ts';
import { queueNames } from '../src/queue/names.ts';

const text = readFileSync(join(import.meta.dirname, '../docs/operations.md'), 'utf8');
const section = (title: string) => text.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? '';

test('docs/operations.md lists every setting with its default and meaning, and no others', () => {
  const rows = section('Settings')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const expected = settings.map(
    ({ names, shownDefault, meaning }) =>
      `| ${names.map((name) => `\`${name}\``).join(', ')} | ${shownDefault} | ${meaning} |`,
  );
  assert.deepEqual(rows.toSorted(), expected.toSorted());
});

test('docs/operations.md lists every role and every queue', () => {
  const rows = section('Roles and queues')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|')[1]);
  for (const name of [...roles, ...queueNames])
    assert.ok(
      rows.some((row) => row?.includes(`\`${name}\``)),
      name,
    );
});

test('the example rates file in docs/operations.md is valid', () => {
  const example = /```json\n(.*?)```/s.exec(section('Rates of countries'))?.[1] ?? '';
  assert.equal(parseRates(example).ok, true);
});
