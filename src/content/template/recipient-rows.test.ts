import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CellValue } from '../recipient/csv/row.ts';
import { parseText } from './placeholder.ts';
import { emailRows, smsRows } from './recipient-rows.ts';
import { compileSms } from './sms.ts';

type Case = [promise: string, content: string, values: Record<string, CellValue>, problem: string | null];

const judged = (template: ReturnType<typeof smsRows>, values: Record<string, CellValue>) =>
  template.judge(new Map(Object.entries(values)));

describe('a row of a text message', () => {
  const cases: Case[] = [
    ['fits with 918 characters', '((x))', { x: 'x'.repeat(918) }, null],
    ['is too long with one more', '((x))', { x: 'x'.repeat(919) }, 'too-long'],
    ['is measured as it will be sent', '((x))…', { x: 'x'.repeat(916) }, 'too-long'],
    ['is measured in UTF-16 units', '((x))', { x: '😀'.repeat(919) }, 'too-long'],
    ['counts a missing value as its placeholder', '((x))', { x: null }, null],
    ['counts a missing column as its placeholder too', '((x))', {}, null],
    ['is empty if only spaces are left', ' ((x??yes)) ', { x: 'no' }, 'empty'],
    ['joins a list', '((x))', { x: ['a', null, 'b'.repeat(914)] }, 'too-long'],
  ];
  for (const [promise, content, values, problem] of cases)
    test(promise, () => assert.equal(judged(smsRows(compileSms(content)), values), problem));
});

describe('a row of an email', () => {
  const cases: Case[] = [
    ['is never too long', '((x))'.repeat(30), { x: 'x'.repeat(100_000) }, null],
    ['is empty if all its conditions fail', '((x??a))\n((y??b))', { x: 'no', y: 'no' }, 'empty'],
    ['is not empty if one condition holds', '((x??a))((y??b))', { x: 'no', y: 'yes' }, null],
    ['is not empty if there is other text', 'Hi ((x??a))', { x: 'no' }, null],
    ['is not empty if a value is missing', '((x))', { x: null }, null],
    ['is empty if it has no content', '', {}, 'empty'],
  ];
  for (const [promise, content, values, problem] of cases)
    test(promise, () =>
      assert.equal(
        judged(emailRows({ subject: parseText('((s))'), content: parseText(content) }), values),
        problem,
      ),
    );

  test('has the placeholders of its subject first', () => {
    const { placeholders } = emailRows({
      subject: parseText('((b)) ((a))'),
      content: parseText('((A)) ((c))'),
    });
    assert.deepEqual(placeholders, ['b', 'a', 'c']);
  });
});
