import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileEmail, emailHtmlBody, emailPlainText, emailPreheader } from '../email.ts';
import { noPersonalisation } from '../personalisation.ts';
import { sanitiseText } from '../sanitise.ts';

const size = 100_000;
const fill = (unit: string, length = size) => unit.repeat(Math.ceil(length / unit.length));

const repeated = [
  ...[
    '[',
    '*',
    '>',
    '_',
    '`',
    '](',
    '[a](',
    '[[a]',
    '[a][',
    '![',
    '(',
    '<',
    '<a ',
    '<a b=',
    '<a b="',
    '<!--',
    '<b>',
  ],
  ...[
    '</b>',
    '<a1>',
    '# #',
    '^',
    '^ ',
    '* ',
    '* *',
    '1.',
    ' ',
    '\n',
    '\t',
    'a|',
    '- - ',
    '[a]: ',
    'http://',
    'a@',
    "'",
  ],
  ...[
    '"\'',
    '\\',
    '&',
    '&#',
    '<a@',
    'a-',
    'a.a-',
    '..',
    ' ,',
    ' - ',
    '((a))',
    '((',
    '“',
    'é',
    '[a](b "',
    '[a](<b>',
    '")',
  ],
  ...[
    '- \n',
    '*\n',
    '  * a\n',
    '* a\n\n',
    '```\n',
    '```a\n',
    '````a\n```\n',
    '~~~\n',
    'a | b\n',
    'a\n-|\n',
    '=\n',
    '-\n',
  ],
  ...['[a\n', '[a]:\n', '[^a]: x\n', '[a]: b\n', 'x\n\n', '<div>x</div>y\n\n', '<p>\n\n', '^\n', 'a. b '],
].map((unit) => [JSON.stringify(unit), fill(unit)] as const);

const paired = [
  ['[', ']'],
  ['[', '](x)'],
  ['<', '>'],
  ['[a\n', ']: x'],
  ['[a]: b\n\n', '[a]'],
  ['~~~~\n', '~~~\n'],
  ['"', ')'],
].map(([a = '', b = '']) => [`${a} then ${b}`, fill(a, size / 2) + fill(b, size / 2)] as const);

const nested = Array.from({ length: 400 }, (_, depth) => `${' '.repeat(depth)}* a\n`).join('');

// Ten times the slowest case on a slow machine, and far below anything quadratic.
const maxMilliseconds = 3000;

for (const [name, content] of [...repeated, ...paired, ['nested lists', nested] as const]) {
  test(`100 kB of ${name} render in linear time`, () => {
    const template = compileEmail('', content);
    const start = performance.now();
    emailPlainText(template, noPersonalisation);
    emailHtmlBody(template, noPersonalisation);
    emailPreheader(template, noPersonalisation);
    sanitiseText(content);
    assert.ok(performance.now() - start < maxMilliseconds);
  });
}

test('a million spaces between two letters render in linear time', () => {
  const template = compileEmail('', `a${fill(' ', 1_000_000)}b`);
  const start = performance.now();
  emailPlainText(template, noPersonalisation);
  assert.ok(performance.now() - start < maxMilliseconds);
});
