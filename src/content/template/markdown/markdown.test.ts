import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderHtml } from './html.ts';
import { parseMarkdown } from './parse.ts';
import { renderPlainText, renderPreheader } from './plain-text.ts';

const html = (text: string) => renderHtml(parseMarkdown(text)).replace(/ style="[^"]*"/g, '');
const plain = (text: string) => renderPlainText(parseMarkdown(text));

const table = (list: string) => `<table role="presentation"><tr><td>${list}</td></tr></table>`;
const bullets = (...items: string[]) => table(`<ul>${items.map((item) => `<li>${item}</li>`).join('')}</ul>`);
const numbers = (...items: string[]) => table(`<ol>${items.map((item) => `<li>${item}</li>`).join('')}</ol>`);
const inset = (content: string) => `<div><blockquote>${content}</blockquote></div>`;

const blocks: readonly (readonly [name: string, markdown: string, html: string])[] = [
  ['lines of a paragraph are kept', 'one\ntwo\n\nthree', '<p>one<br>two</p><p>three</p>'],
  ['several blank lines count as one', 'one\n\n \n\n\ntwo', '<p>one</p><p>two</p>'],
  ['leading newlines show as one break', '\n\none', '<br><p>one</p>'],
  ['a single leading newline renders to nothing', '\none', '<p>one</p>'],
  ['carriage returns are newlines', 'one\r\ntwo\rthree', '<p>one<br>two<br>three</p>'],
  ['tabs expand to stops of four columns', 'a\tb', '<p>a   b</p>'],
  ['headings need no space', '#one\n##two', '<h2>one</h2><h3>two</h3>'],
  ['deeper headings are paragraphs', '### three\n###### six', '<p>three</p><p>six</p>'],
  ['closing marks of a heading are removed', '# one ## ', '<h2>one</h2>'],
  ['a seventh mark is text', '####### one', '<p># one</p>'],
  ['a line of marks is a heading', '##', '<h2>#</h2>'],
  ['a heading ends a paragraph', 'one\n# two\nthree', '<p>one</p><h2>two</h2><p>three</p>'],
  ['an underlined line is a heading', 'one\n===\ntwo\n-', '<h2>one</h2><h3>two</h3>'],
  ['rules may mix their marks', 'one\n\n* - _\n\ntwo', '<p>one</p><hr><p>two</p>'],
  ['text above hyphens is a heading, not a rule', 'one\n---', '<h3>one</h3>'],
  ['indented lines come out raw', '    one\n    two', 'one\ntwo'],
  ['fenced lines come out raw', 'x\n```sh\n# one\n```\ny', '<p>x</p># one<p>y</p>'],
  ['an unclosed fence is text', '```\none', '<p>```<br>one</p>'],
  ['longer tildes are closed by shorter ones', '~~~~\none\n~~~', 'one'],
  ['tables render to nothing', 'a | b\n--|--\n1 | 2\n\none', '<p>one</p>'],
  ['tables with leading pipes render to nothing', '| a\n|---\n| 1\n', ''],
  ['an inset runs to the blank line', '^ one\ntwo\n\nthree', `${inset('<p>one<br>two</p>')}<p>three</p>`],
  ['insets with only blank lines between are one', '^one\n\n^ two', inset('<p>one</p><p>two</p>')],
  ['insets hold blocks', '^ # one\n^ * two', inset(`<h2>one</h2>${bullets('two')}`)],
  ['an inset needs a blank line before it', 'one\n^ two', '<p>one<br>^ two</p>'],
  ['bullets need no space', '*one\n-two\n•three', bullets('one', 'two', 'three')],
  ['the first bullet decides the kind', '1. one\n* two\n7.three', numbers('one', 'two', 'three')],
  ['numbers at the start of text are a list', '10.5 units', numbers('5 units')],
  ['stars at the start of text are a list', '**one** two', bullets(bullets('one** two'))],
  ['pluses do not start a list', 'one\n+ two\n+ three', '<p>one</p><p>+ two</p><p>+ three</p>'],
  ['a spaced bullet ends a paragraph', 'one\n* two', `<p>one</p>${bullets('two')}`],
  [
    'a bullet without a space does not end a paragraph',
    'one\n*two\n• three',
    '<p>one<br>*two<br>• three</p>',
  ],
  ['one blank line makes a list loose', '* one\n\n* two', bullets('<p> one</p>', '<p> two</p>')],
  ['two blank lines make two lists', '* one\n\n\n* two', bullets('one') + bullets('two')],
  [
    'a paragraph starts the numbers again',
    '1. one\n\nx\n\n2. two',
    `${numbers('one')}<p>x</p>${numbers('two')}`,
  ],
  ['lines without bullet belong to the item', '* one\ntwo\n* three', bullets('one<br>two', 'three')],
  ['indented bullets nest', '* one\n  * two\n* three', bullets(`one${bullets('two')}`, 'three')],
  ['an indented line after a blank one continues', '* one\n\n  two', bullets('<p>one</p><br><p> two</p>')],
  ['a rule ends a list', '* one\n***\ntwo', `${bullets('one')}<hr><p>two</p>`],
  ['headings in items are text', '* # one', bullets('# one')],
  ['quote marks are text', 'one\n&gt; two', '<p>one<br>&gt; two</p>'],
  [
    'link definitions render to nothing',
    '[a]: http://x.y\n\n[b][a] [A]',
    '<p><a href="http://x.y">b</a> <a href="http://x.y">A</a></p>',
  ],
  ['footnotes come last, without their marks', '[^a]: note\n\none[^a] [^b]', '<p>one [^b]</p><p>note</p>'],
  ['footnotes without a reference render to nothing', '[^a]: note\n\none', '<p>one</p>'],
  ['a paragraph with only an image renders to nothing', 'one\n\n![a](b)', '<p>one</p>'],
];

for (const [name, markdown, expected] of blocks)
  test(`Markdown blocks: ${name}`, () => assert.equal(html(markdown), expected));

const inlines: readonly (readonly [name: string, markdown: string, html: string])[] = [
  [
    'a backslash shows the next character literally',
    '\\*one\\* \\[a\\]\\(b\\) \\\\ \\a',
    '*one* [a](b) \\ \\a',
  ],
  ['emphasis is not rendered', 'x *a* _b_ **c** __d__ `e` ~~f~~', 'x *a* _b_ **c** __d__ `e` ~~f~~'],
  [
    'bare URLs are linked',
    'see http://a.b/c?d=e&amp;f',
    'see <a href="http://a.b/c?d=e&amp;f">http://a.b/c?d=e&amp;f</a>',
  ],
  [
    'trailing punctuation stays outside the link',
    'x https://a.b).',
    'x <a href="https://a.b">https://a.b</a>).',
  ],
  ['schemes in capitals are not linked', 'x HTTP://a.b ftp://a.b', 'x HTTP://a.b ftp://a.b'],
  ['a bare host is not linked', 'x www.a.b a@b.c', 'x www.a.b a@b.c'],
  ['a URL is encoded', '[a](http://x/ü "t")', '<a href="http://x/%C3%BC" title="t">a</a>'],
  ['a URL may be padded and hold spaces', '[a]( x y )', '<a href="http://x%20y">a</a>'],
  ['a URL ends at the first closing bracket', '[a](b(c)d)', '<a href="http://b%28c">a</a>d)'],
  ['javascript is not a known scheme', '[a](javascript:b)', '<a href="http://javascript:b">a</a>'],
  [
    'other schemes are kept',
    '[a](mailto:b%40c) [d](TEL:1)',
    '<a href="mailto:b%40c">a</a> <a href="TEL:1">d</a>',
  ],
  [
    'a title cannot leave its attribute',
    `[a](b "c" d="e")`,
    '<a href="http://b" title="c&quot; d=&quot;e">a</a>',
  ],
  ['a text may hold brackets', '[a [b] c](d)', '<a href="http://d">a [b] c</a>'],
  ['a space between text and URL makes no link', '[a] (b)', '[a] (b)'],
  ['a link without text shows its URL', '[](b)', '<a href="http://b">b</a>'],
  ['links do not nest', '[a http://b.c/d](e)', '<a href="http://e">a http://b.c/d</a>'],
  ['images render to nothing, in links too', 'x![a](b)y[![c](d)e](f)', 'xy<a href="http://f">e</a>'],
  ['placeholder marks stay', `x <span class='placeholder'>a</span>`, `x <span class='placeholder'>a</span>`],
  ['bare & and < are escaped', 'a & b < c &amp; &nope;', 'a &amp; b &lt; c &amp; &nope;'],
  ['spaces before a line break are removed', 'a  \nb', 'a<br>b'],
];

for (const [name, markdown, expected] of inlines) {
  test(`Markdown inline: ${name}`, () => assert.equal(html(markdown), `<p>${expected}</p>`));
}

const rule = `${'=-'.repeat(32)}=`;
const plainTexts: readonly (readonly [name: string, markdown: string, plain: string])[] = [
  [
    'headings are underlined',
    '# one\n## two\n### three',
    `\n\n\none\n${'='.repeat(65)}\n\n\ntwo\n${'-'.repeat(65)}\n\nthree`,
  ],
  ['a rule is a line of 65 characters', 'a\n\n***', `\n\na\n\n${rule}`],
  ['items are numbered from one', '3. one\n3. two', '\n\n1. one\n2. two'],
  ['nested lists number for themselves', '1. a\n  1. b\n  1. c\n1. d', '\n\n1. a\n\n1. b\n2. c\n2. d'],
  ['links show their URL', '[a](b) [c](d "e")', '\n\na: b c (e): d'],
  ['a link without text is its URL', '[](b)', '\n\nb'],
  [
    'angle brackets around URLs and email addresses are removed',
    '<http://a.b> <c@d.e>',
    '\n\nhttp://a.b c@d.e',
  ],
  ['tags stay', 'a <b>[c](d)</b> <!-- e -->', '\n\na <b>[c](d)</b> <!-- e -->'],
  ['block tags stay', '<div>*a*</div>\n\nb', '<div>*a*</div>\n\nb'],
  ['insets show what is inside', '^ a', '\n\na'],
  ['greater-than starts a paragraph', 'a\n> b', '\n\na\n\n&gt; b'],
];

for (const [name, markdown, expected] of plainTexts) {
  test(`Markdown as plain text: ${name}`, () => assert.equal(plain(markdown), expected));
}

test('a preheader has neither rules nor the URLs of links', () => {
  const text = renderPreheader(parseMarkdown('# a\n\n***\n\n[b](c "d") http://e.f'));
  assert.equal(text, '\n\na\n\nb (d) http://e.f');
});

test('the seventh nested list and the seventh nested inset hold their raw text', () => {
  assert.match(html(`${'* '.repeat(8)}x`), /<li>\* \* x<\/li>/);
  assert.match(html(`${'^ '.repeat(8)}x`), /<p>\^ \^ x<\/p>/);
});
