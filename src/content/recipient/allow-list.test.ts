import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparable, type KeyType, maySendTo, notAllowedText, recipientSet } from './allow-list.ts';

test('recipients are compared regardless of spelling', () => {
  const same: [string, string][] = [
    ['07400 123456', '+44 (0)7400-123456'],
    ['1-212-555-0123', '0012125550123'],
    ['SAM@Example.org', ' sam@example.org\u200B'],
    ['neither', 'neither'],
  ];
  for (const [one, other] of same) assert.ok(recipientSet([one]).has(comparable(other)), `${one}, ${other}`);
  const different: [string, string][] = [
    ['07400 123456', '07400 123457'],
    ['sam@example.org', 'sam+1@example.org'],
    ['neither', 'Neither'],
    ['2125550123', '12125550123'],
  ];
  for (const [one, other] of different)
    assert.ok(!recipientSet([one]).has(comparable(other)), `${one}, ${other}`);
});

test('a team member without a mobile number does not allow a message without a recipient', () => {
  assert.equal(comparable(null), '');
  assert.equal(recipientSet([null, undefined, 7, '07400 123456']).size, 1);
  assert.ok(!recipientSet([null]).has(comparable(null)));
});

test('test keys send to anyone, team keys to the allow-list, normal keys to the allow-list in trial mode only', () => {
  const allowed = ['07400 123456'];
  const onList = comparable('07400123456');
  const other = comparable('07400123457');
  const decisions: [keyType: KeyType, restricted: boolean, toOther: boolean][] = [
    ['test', false, true],
    ['test', true, true],
    ['normal', false, true],
    ['normal', true, false],
    ['team', false, false],
    ['team', true, false],
  ];
  for (const [keyType, restricted, toOther] of decisions) {
    const rule = { keyType, restricted, allowed };
    assert.equal(maySendTo(onList, rule), true, `${keyType}, ${restricted}`);
    assert.equal(maySendTo(other, rule), toOther, `${keyType}, ${restricted}`);
  }
});

test('the refusal names the team key or trial mode, with the quote and dash of the reference', () => {
  const url = 'https://example.org/trial';
  assert.equal(notAllowedText('team', url), 'Can\u2019t send to this recipient using a team-only API key');
  assert.equal(
    notAllowedText('normal', url),
    `Can\u2019t send to this recipient when service is in trial mode \u2013 see ${url}`,
  );
});
