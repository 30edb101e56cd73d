import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { autolink, findUrls, makeLink } from './autolink.ts';

const found = (text: string) => findUrls(text).map(({ start, end }) => text.slice(start, end));

test('URLs are found with or without a scheme', () => {
  const table: [string, string[]][] = [
    ['see a.example and HTTPS://b.example/x?y=1', ['a.example', 'HTTPS://b.example/x?y=1']],
    ['ftp://a.example', ['a.example']],
    ['xhttp://a.example', ['a.example']],
    ['jo@a.example jo.b@a.example', []],
    ['jo@my-site.example', ['-site.example']],
    ['a..example .b.example', []],
    ['a.b.c-d.example-x', ['a.b.c-d.example']],
    ['1.5 kg, 10.30am e.g.x', []],
    ['a.example<br>b.example/c<', ['a.example', 'b.example/c']],
    ['é.日本.co', ['é.日本.co']],
    [`a.${'x'.repeat(63)} a.${'x'.repeat(64)} a.x`, [`a.${'x'.repeat(63)}`]],
    ['a.example#f/?', ['a.example#f/?']],
  ];
  for (const [text, addresses] of table) assert.deepEqual(found(text), addresses, text);
});

test('the linear scan finds the same URLs as the pattern of the specification', () => {
  const word = '[\\p{L}\\p{N}_]';
  const boundary = `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`;
  const label = '[\\p{L}\\p{N}_-]+\\.';
  const pattern = new RegExp(
    `${boundary}(?<![@.])(https?://)?(?:${label})+(?:[a-z]{2,63})(?!@)${boundary}([/?#][^<\\s]*)?`,
    'giu',
  );
  const parts = [
    'a',
    'foo',
    '-',
    '.',
    '.',
    '@',
    'http://',
    'HTTPS://',
    'com',
    '/',
    '?',
    ' ',
    '<',
    '_',
    'é',
    '1',
    ':',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 14 }), (chosen) => {
      const text = chosen.join('');
      assert.deepEqual(
        found(text),
        [...text.matchAll(pattern)].map(([match]) => match),
      );
    }),
    { numRuns: 2000 },
  );
});

test('trailing punctuation and unmatched closing brackets follow the link', () => {
  const table: [string, string][] = [
    ['a.example/b.,:', '<a href="http://a.example/b">a.example/b</a>.,:'],
    ['(a.example/b)', '(<a href="http://a.example/b">a.example/b</a>)'],
    ['a.example/(b).', '<a href="http://a.example/%28b%29">a.example/(b)</a>.'],
    ['[x a.example/b]).]', '[x <a href="http://a.example/b">a.example/b</a>]).]'],
    [
      'a.example/?q=1&amp;r=%20@+',
      '<a href="http://a.example/?q=1&amp;r=%20%40%2B">a.example/?q=1&amp;r=%20@+</a>',
    ],
  ];
  for (const [text, expected] of table) assert.equal(autolink(text), expected, text);
});

test('a link keeps a known scheme, encodes unsafe characters and confines its title to the attribute', () => {
  assert.equal(makeLink('mailto:a', { text: 'Write' }), '<a href="mailto:a">Write</a>');
  assert.equal(
    makeLink('https://é.example/"x"', { text: 'T', style: 'color: red', title: 'a "b" c' }),
    '<a style="color: red" href="https://%C3%A9.example/%22x%22" title="a &quot;b&quot; c">T</a>',
  );
  assert.equal(autolink('a.example', { classes: 'b' }), '<a class="b" href="http://a.example">a.example</a>');
  assert.equal(makeLink('x/\ud800', { text: 'T' }), '<a href="http://x/%EF%BF%BD">T</a>');
});
