import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { settings } from '../src/config/config.ts';
import { parseRates } from '../src/content/recipient/international-rates.ts';
import { roles } from '../src/process/compose.ts';
import { queueNames } from '../src/queue/define.ts';
import { documentedMetrics } from '../test/support/documented-metrics.ts';

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

test('the rates file in docs/operations.md can be loaded', () => {
  const example = /```json\n(.*?)```/s.exec(section('Rates of countries'))?.[1] ?? '';
  assert.equal(parseRates(example).ok, true);
});

/**
 * What the source hands to the functions of `Metrics`, as far as it is written there; `<x>` for each part that is only
 * known when it runs.
 */
function writtenMetrics(): { name: string; isStat: boolean }[] {
  const root = join(import.meta.dirname, '..');
  return globSync('src/**/*.ts', { cwd: root })
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) => {
      const source = readFileSync(join(root, file), 'utf8');
      const all = (pattern: RegExp) => [...source.matchAll(pattern)].map(([, ...groups]) => groups.join('.'));
      const stats = [
        ...all(/metrics\.(?:count|timing)\(\s*[`']([^`']+)/g),
        ...all(/metrics\.timed\(\s*'(\w+)',\s*[`']([^`']+)/g),
      ].map((name) => ({ name: name.replace(/\$\{[^}]*\}?/g, '<x>'), isStat: true }));
      const shown = [
        ...all(/\b(?:histogram|counter|gauge)\(\s*'([a-z_]+)'/g),
        ...all(/^\s+((?:despatch|provider)_[a-z_]+):$/gm),
        ...all(/^\s+((?:despatch|provider)_[a-z_]+): '/gm),
      ];
      return [...stats, ...shown.map((name) => ({ name, isStat: false }))];
    });
}

test('docs/operations.md lists every metric that the source names', () => {
  const documented = documentedMetrics();
  const written = writtenMetrics();
  const stats = written.filter(({ isStat }) => isStat);
  assert.ok(stats.length > 20 && written.length - stats.length > 25, `${stats.length} of ${written.length}`);
  const isAny = (part: string) => part === '<x>';
  const fits = (name: string, other: string) => {
    const parts = name.split('.');
    const others = other.replace(/<[^>]+>/g, '<x>').split('.');
    return (
      parts.length === others.length &&
      parts.every((part, at) => part === others[at] || isAny(part) || isAny(others[at]!))
    );
  };
  const missing = written.filter(
    ({ name, isStat }) => !documented.some((one) => one.isStat === isStat && fits(name, one.name)),
  );
  assert.deepEqual(missing, []);
});
