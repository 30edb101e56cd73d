import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { unifiedDiff } from './line-diff.ts';

const numbered = (count: number, prefix = '') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}\n`).join('');

describe('the difference between two texts', () => {
  const folder = mkdtempSync(join(tmpdir(), 'despatch-diff-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const diffOf = (before: string, now: string) => unifiedDiff(before, now, ['server', 'file']);

  test('is nothing between equal texts', () => {
    for (const text of ['', 'a', 'a\n', numbered(100)]) assert.equal(diffOf(text, text), '');
  });

  test('shows each change with three lines around it, and what is removed before what is added', () => {
    const changed = numbered(30).replace('5\n', 'five\n').replace('26\n', 'twenty-six\nand more\n');
    assert.equal(
      diffOf(numbered(30), changed),
      [
        ...['--- server', '+++ file', '@@ -2,7 +2,7 @@', ' 2', ' 3', ' 4', '-5', '+five', ' 6', ' 7', ' 8'],
        ...['@@ -23,7 +23,8 @@', ' 23', ' 24', ' 25', '-26', '+twenty-six', '+and more', ' 27', ' 28', ' 29'],
        '',
      ].join('\n'),
    );
  });

  test('shows a missing end of line, an empty text and characters that cannot be seen', () => {
    assert.equal(
      diffOf('a', 'a\n'),
      '--- server\n+++ file\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n',
    );
    assert.equal(diffOf('', 'a\r\n\u001b[31m\n'), '--- server\n+++ file\n@@ -0,0 +1,2 @@\n+a␍\n+␛[31m\n');
  });

  test('of texts with very many differing lines, all of one and all of the other', () => {
    const shown = diffOf(numbered(20_000, 'a'), numbered(20_000, 'b')).split('\n');
    assert.equal(shown.length, 3 + 40_000 + 1);
  });

  test('turns the one into the other when it is applied', { skip: !hasPatch() }, () => {
    const line = fc.constantFrom('a', 'b', 'c', 'd', '', ' ', '\t');
    const text = fc
      .record({ lines: fc.array(line, { maxLength: 40 }), ends: fc.boolean() })
      .map(({ lines, ends }) => lines.join('\n') + (ends && lines.length > 0 ? '\n' : ''));
    const path = join(folder, 'text');
    fc.assert(
      fc.property(text, text, (before, now) => {
        const difference = diffOf(before, now);
        if (before === now) return difference === '';
        writeFileSync(path, before);
        const { status, stdout, stderr } = spawnSync(
          'patch',
          ['--force', '--fuzz=0', '-o', `${path}.new`, path],
          {
            input: difference,
            encoding: 'utf8',
          },
        );
        assert.equal(status, 0, stdout + stderr + difference);
        assert.equal(readFileSync(`${path}.new`, 'utf8'), now);
        return true;
      }),
      { numRuns: 60 },
    );
  });
});

function hasPatch(): boolean {
  return spawnSync('patch', ['--version']).status === 0;
}
