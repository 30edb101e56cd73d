import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { unifiedDiff } from './line-diff.ts';

const numbered = (count: number, prefix = '') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index + 1}\n`).join('');

describe('the difference between two texts', () => {
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

  test('turns the one into the other when it is applied', () => {
    const line = fc.constantFrom('a', 'b', 'c', 'd', '', ' ', '\t');
    const text = fc
      .record({ lines: fc.array(line, { maxLength: 40 }), ends: fc.boolean() })
      .map(({ lines, ends }) => lines.join('\n') + (ends && lines.length > 0 ? '\n' : ''));
    fc.assert(
      fc.property(text, text, (before, now) => {
        assert.equal(applied(diffOf(before, now), before), now);
      }),
      { numRuns: 500 },
    );
  });
});

/** A text with a difference applied; asserts that its lines and their numbers are those of the text. */
function applied(difference: string, before: string): string {
  const lines = before.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  let made = '';
  let at = 0;
  const printed = difference.split('\n').slice(2, -1);
  for (const [index, shown] of printed.entries()) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+/.exec(shown);
    if (hunk) {
      const start = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1);
      made += lines.slice(at, start).join('');
      at = start;
    } else if (!shown.startsWith('\\')) {
      const isWhole = !printed[index + 1]?.startsWith('\\');
      const line = `${shown.slice(1)}${isWhole ? '\n' : ''}`;
      if (!shown.startsWith('+')) assert.equal(lines[at++], line);
      if (!shown.startsWith('-')) made += line;
    }
  }
  return made + lines.slice(at).join('');
}
