import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  breakGovUk,
  enDashes,
  smartQuotes,
  straightQuotesInEmailAddresses,
  stripUnsupported,
  typeset,
} from './typography.ts';

const quotes: readonly (readonly [text: string, expected: string])[] = [
  [`it's "fine"`, 'it’s “fine”'],
  [`"'quoted' twice"`, '“‘quoted’ twice”'],
  [`'"quoted" twice'`, '‘“quoted” twice’'],
  [`the 1980's and '90s`, 'the 1980’s and ‘90s'],
  [`x'80s`, 'x’80s'],
  [`the dogs' bowls`, 'the dogs’ bowls'],
  [`("a") ['b'] {"c"}`, '(“a”) [‘b’] {“c”}'],
  [`6'2" tall`, '6‘2” tall'],
  [`--'a' &ndash;"b"`, '--‘a’ &ndash;“b”'],
  [`\\"a\\" \\'b\\' \\. \\- \\\` \\\\`, '&#34;a&#34; &#39;b&#39; &#46; &#45; &#96; &#92;'],
  [`&#8220;a&#8221; &#8230;`, '“a” …'],
  [`<b>'</b>`, '<b>‘</b>'],
  [`a<b>'</b>s`, 'a<b>’</b>s'],
  [`a <b>"</b>`, 'a <b>“</b>'],
  [`<i title="a'b">c'd</i>`, `<i title="a'b">c’d</i>`],
  [`<a href="x">it's</a> it's`, `<a href="x">it's</a> it’s`],
  [`<pre>it's <b>"</b></pre>it's`, `<pre>it's <b>"</b></pre>it’s`],
  [`<abbr>it's</abbr>`, '<abbr>it’s</abbr>'],
  [`<!-- it's -->it's`, `<!-- it's -->it’s`],
  [`a < "b"`, 'a < “b”'],
  [`é'é`, 'é’é'],
];

for (const [text, expected] of quotes)
  test(`quotes of ${text}`, () => assert.equal(smartQuotes(text), expected));

const closing: readonly (readonly [text: string, expected: string])[] = [
  [`"<a>x</a>".`, '“<a>x</a>”.'],
  [`"<a>x</a>", y`, '“<a>x</a>”, y'],
  [`'<a>x</a>'! y`, '‘<a>x</a>’! y'],
  [`'<a>x</a>' y`, '‘<a>x</a>’ y'],
  [`<a>x</a>'s y`, '<a>x</a>’s y'],
  [`("<a>x</a>")`, '(“<a>x</a>”)'],
  [`<a>x</a>'".`, '<a>x</a>’”.'],
  [`"<strong>x</strong>"&nbsp;`, '“<strong>x</strong>”&nbsp;'],
  [`"<code>x</code>"…`, '“<code>x</code>”…'],
  [`<a>x</a> "...y"`, '<a>x</a> “...y”'],
  [`<a>x</a>"y"`, '<a>x</a>“y”'],
  [`<p>x</p><p>"...y"</p>`, '<p>x</p><p>“...y”</p>'],
];

for (const [text, expected] of closing)
  test(`the quote directly after an inline element in ${text}`, () =>
    assert.equal(smartQuotes(text), expected));

test('one to three hyphens between spaces become an en dash', () => {
  assert.equal(enDashes('a - b -- c --- d ---- e f-g — h'), 'a – b – c – d ---- e f-g – h');
});

test('with keepLines, a line that starts with a hyphen stays a line', () => {
  assert.equal(typeset('a - b\n- c', { keepLines: true }), 'a – b\n- c');
  assert.equal(typeset('a - b\n- c'), 'a – b – c');
});

test('email addresses keep straight quotes', () => {
  assert.equal(straightQuotesInEmailAddresses('o’b@c.d it’s o‘b@c.d'), `o'b@c.d it’s o'b@c.d`);
  assert.equal(straightQuotesInEmailAddresses('@’ ’@'), '@’ ’@');
});

test('only a bare GOV.UK is broken', () => {
  assert.equal(breakGovUk('gov.uk *Gov.UK\n#GOV.uk'), 'gov.\u200buk *Gov.\u200bUK\n#GOV.\u200buk');
  for (const text of ['www.gov.uk', 'gov.uk/a', 'gov.uk?a', 'gov.uk#a', 'a@gov.uk', '(gov.uk)']) {
    assert.equal(breakGovUk(text), text);
  }
});

test('characters that mail readers cannot show are deleted', () => {
  assert.equal(stripUnsupported('a\u2028b\u3164c'), 'abc');
});
