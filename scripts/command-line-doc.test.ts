import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nouns } from '../src/cli/nouns.ts';

test('docs/command-line.md lists every action with what it takes, and no others', async () => {
  const text = readFileSync(join(import.meta.dirname, '../docs/command-line.md'), 'utf8');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  const known = await Promise.all(Object.values(nouns).map(async (load) => (await load()).noun));
  const expected = known.flatMap(({ name, actions }) =>
    Object.entries(actions).map(
      ([action, { usage, summary }]) => `| \`${`${name} ${action} ${usage}`.trim()}\` | ${summary} |`,
    ),
  );
  assert.deepEqual(rows, expected);
});
