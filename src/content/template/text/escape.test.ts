import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeReferences, escapeHtml } from './escape.ts';

test('references are decoded before markup is escaped', () => {
  const table: [string, string][] = [
    ['', ''],
    [`"it's"`, `"it's"`],
    ['a < b & c > d', 'a &lt; b &amp; c &gt; d'],
    ['&lt;b&gt;', '&lt;b&gt;'],
    ['&nbsp;&amp;&amp;lt;', '&nbsp;&amp;&amp;lt;'],
    ['&lsqb;&times;', '[×'],
    ['&times=1 &times', '&amp;times=1 &amp;times'],
    ['&notit; &notin;', '¬it; ∉'],
    ['&isnotarealentity;', '&amp;isnotarealentity;'],
    ['&NotEqualTilde;', '≂̸'],
    ['&#65;&#x41;&#X41;', 'AAA'],
    ['&#60;&#38;', '&lt;&amp;'],
    ['&#128;&#x99;&#129;', '€™\x81'],
    ['&#0;&#xd800;&#x110000;&#99999999999;', '\ufffd\ufffd\ufffd\ufffd'],
    ['[&#1;&#xb;&#127;&#xfdd0;&#x1ffff;]', '[]'],
    ['&#x; &#; &;', '&amp;#x; &amp;#; &amp;;'],
  ];
  for (const [text, expected] of table) assert.equal(escapeHtml(text), expected, text);
});

test('decoding references does not change markup or unknown references', () => {
  assert.equal(decodeReferences('&lt;b&gt; &amp;copy; &copy= &what;'), '<b> &copy; &copy= &what;');
});

test('escaped text holds no markup, and escaping it again changes nothing', () => {
  const texts = fc.array(
    fc.constantFrom('&', '<', '>', ';', '#', 'lt', 'amp', 'nbsp', '38', 'x26', ' ', 'é'),
  );
  fc.assert(
    fc.property(texts, (parts) => {
      const escaped = escapeHtml(parts.join(''));
      assert.doesNotMatch(escaped, /[<>]|&(?!amp;|lt;|gt;|nbsp;)/);
      assert.equal(escapeHtml(escaped), escaped);
    }),
    { numRuns: 500 },
  );
});
