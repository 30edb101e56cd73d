import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileContent } from '../../content/template/template.ts';
import { layOut, layoutOf, mayArriveTwice, whyLeftOut } from './resend.ts';

const fine = { resentAs: null, suppressed: null, givenUp: null } as const;

test('a message is left out of sending again if it cannot succeed, is under way, or was sent again', () => {
  const again = { job: 'a', job_row_number: 0 };
  const table = [
    ['technical-failure', {}, null, null],
    ['temporary-failure', {}, null, null],
    ['delivered', {}, null, null],
    ['cancelled', {}, null, null],
    ['permanent-failure', {}, 'recipient', null],
    ['permanent-failure', { suppressed: 'manual' }, 'recipient', null],
    ['validation-failed', { givenUp: 'invalid-recipient' }, 'recipient', null],
    ['validation-failed', { givenUp: 'not-allowed' }, null, null],
    ['validation-failed', { givenUp: 'international-limit' }, null, null],
    ['validation-failed', { givenUp: 'missing-value' }, 'content', 'content'],
    ['technical-failure', { givenUp: 'too-large' }, 'content', 'content'],
    ['created', {}, 'under-way', 'under-way'],
    ['sending', {}, 'under-way', 'under-way'],
    ['pending', {}, 'under-way', 'under-way'],
    ['temporary-failure', { resentAs: again }, 'repeated', 'repeated'],
  ] as const;
  for (const [status, more, same, other] of table) {
    const circumstances = { ...fine, ...more };
    const message = { status, keyType: 'normal' } as const;
    assert.equal(whyLeftOut(message, circumstances, false), same, status);
    assert.equal(whyLeftOut(message, circumstances, true), other, status);
    assert.notEqual(whyLeftOut({ ...message, keyType: 'test' }, circumstances, true), null);
  }
});

test('a message may arrive twice if it arrived, or if nobody has said what became of it', () => {
  const table = [
    ['delivered', true, false, 1, true],
    ['sent', false, false, 1, true],
    ['temporary-failure', true, false, 1, false],
    ['temporary-failure', false, false, 1, true],
    ['temporary-failure', false, false, 0, false],
    ['technical-failure', false, true, 3, true],
    ['technical-failure', true, true, 3, false],
    ['technical-failure', false, false, 3, false],
  ] as const;
  for (const [status, isReported, isUnknown, attempts, twice] of table)
    assert.equal(mayArriveTwice({ status }, { isReported, isUnknown, attempts }), twice, status);
});

test('rows have the values of each message as they were; what a row cannot hold has no row', () => {
  const content = compileContent('sms', null, '((name)) ((name??again)) ((List)) ((phone number))');
  const template = {
    templateId: '',
    version: 1,
    name: '',
    priority: false,
    hasUnsubscribeLink: false,
    content,
  };
  const layout = layoutOf(template);
  assert.deepEqual(layout.names.length, 2);
  const repeat = (name: unknown, list: unknown) => ({
    ...{ id: '', recipient: '07700 900123', reference: null, values: [name, list] },
  });
  const table = [
    [repeat('Ash', ['a', 'b', 'c']), ['07700 900123', '', 'Ash', 'a', 'b', 'c']],
    [repeat('=x', ['a']), ['07700 900123', '', '=x', 'a', '', '']],
    [repeat('"', 'a'), ['07700 900123', '', '"', '', '', 'a']],
    [repeat(true, ['', 'b']), ['07700 900123', '', 'True', 'b', '', '']],
    [repeat('', 'a'), ['07700 900123', '', '', '', '', 'a']],
    [repeat(' Ash\n', 'a'), ['07700 900123', '', ' Ash\n', '', '', 'a']],
    [repeat('="Ash"', [' a ']), ['07700 900123', '', '="Ash"', ' a ', '', '']],
    [repeat('Ash', ''), ['07700 900123', '', 'Ash', '', '', '']],
    [repeat('Ash', []), null],
    [repeat(undefined, 'a'), null],
  ] as const;
  const { header, cellsOf } = layOut(
    layout,
    table.map(([one]) => one),
  );
  assert.deepEqual(header, ['phone number', 'reference', 'name', 'List', 'List', 'List']);
  for (const [one, cells] of table) assert.deepEqual(cellsOf(one), cells, JSON.stringify(one.values));
});
