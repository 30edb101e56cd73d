import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asciiAddress, headerText, mailbox, unsubscribeHeaders } from './email-header.ts';

test('an email address is written with its domain in punycode, or refused', () => {
  const table: [string, string | null][] = [
    ['kim+a@recipient.example', 'kim+a@recipient.example'],
    ['kim@münchen.example', 'kim@xn--mnchen-3ya.example'],
    ['kim@Recipient.Example', 'kim@Recipient.Example'],
    ["o'kim@recipient.example", "o'kim@recipient.example"],
    ['kim@recipient.example\r\nBcc: a@b.example', null],
    ['kim@recipient.example, a@b.example', null],
    ['kim@recipient.example> <a@b.example', null],
    ['"kim x"@recipient.example', null],
    ['kim', null],
    ['@recipient.example', null],
    ['kim@', null],
  ];
  for (const [address, expected] of table) assert.equal(asciiAddress(address), expected, address);
});

test('a mailbox name is quoted, or encoded in words of at most 75 characters that split no character', () => {
  assert.equal(mailbox('', 'a@b.example'), '<a@b.example>');
  assert.equal(mailbox('Harbour', 'a@b.example'), '"Harbour" <a@b.example>');
  assert.equal(mailbox('a "b" \\ c', 'a@b.example'), '"a \\"b\\" \\\\ c" <a@b.example>');
  assert.equal(mailbox('a\r\nBcc: x', 'a@b.example'), '"a Bcc: x" <a@b.example>');
  assert.equal(mailbox('=?utf-8?q?a?=', 'a@b.example'), '=?UTF-8?B?PT91dGYtOD9xP2E/PQ==?= <a@b.example>');
  const name = '高潮🌊'.repeat(30);
  const words = mailbox(name, 'a@b.example').split(' ').slice(0, -1);
  assert.ok(words.length > 3 && words.every((word) => word.length <= 75));
  const decoded = words.map((word) =>
    new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(word.slice(10, -2), 'base64')),
  );
  assert.equal(decoded.join(''), name);
});

test('header text becomes one line', () => {
  assert.equal(headerText(' a\r\nb\u0000c\u2028d\te '), 'a b c d e');
});

test('an unsubscribe URL cannot close the angle brackets around it', () => {
  assert.deepEqual(unsubscribeHeaders({ unsubscribeUrl: null }), {});
  assert.deepEqual(unsubscribeHeaders({ unsubscribeUrl: 'not a URL' }), {});
  assert.equal(
    unsubscribeHeaders({ unsubscribeUrl: 'https://e.example/a?b=<c>\r\nBcc: x' })['List-Unsubscribe'],
    '<https://e.example/a?b=%3Cc%3EBcc:%20x>',
  );
});
