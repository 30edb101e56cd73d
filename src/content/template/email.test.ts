import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compileEmail,
  emailBody,
  emailHtmlBody,
  emailPlainText,
  emailPreheader,
  emailSubject,
  emailTitle,
  maxEmailBytes,
  measureEmail,
  renderEmail,
} from './email.ts';
import { personalisationOf } from './personalisation.ts';

const plain = (content: string, values = {}, unsubscribeLink?: string) =>
  emailPlainText(compileEmail('', content), personalisationOf(values), {
    unsubscribeLink: unsubscribeLink ?? null,
  });
const html = (content: string, values = {}, unsubscribeLink?: string) =>
  emailHtmlBody(compileEmail('', content), personalisationOf(values), {
    unsubscribeLink: unsubscribeLink ?? null,
  }).replace(/ style="[^"]*"/g, '');

test('placeholders of the subject come before those of the content', () => {
  assert.deepEqual(compileEmail('((b)) ((a))', '((c)) ((A))').placeholders, ['b', 'a', 'c']);
});

test('a subject is one typographic line, escaped only for the title of the page', () => {
  const template = compileEmail(`((who))'s  "report"\n-- <final>`, '');
  const values = personalisationOf({ who: ['Ann', 'Bob & Co'] });
  assert.equal(emailSubject(template, values), 'Ann and Bob & Co’s “report” – <final>');
  assert.equal(emailTitle(template, values), 'Ann and Bob &amp; Co’s “report” – &lt;final&gt;');
});

test('the API body of an email is filled in, trimmed and otherwise as typed', () => {
  const template = compileEmail('', '\n# "((a))"\r\n\r\n((b)) ');
  assert.equal(
    emailBody(template, personalisationOf({ a: '<x>', b: ['c', 'd'] })),
    '# "<x>"\r\n\r\n\n\n* c\n* d',
  );
});

test('the plain text of an email decodes references and shows the rest as typed', () => {
  assert.equal(plain('a &amp; b &lt; c < d &copy &pound;1'), 'a & b < c < d &copy £1\n');
});

test('URLs in the plain text of an email are not changed', () => {
  const address = `https://a.b/it's?x=1&copy=2&y="z`;
  assert.equal(plain(`see ${address} or [this](${address})`), `see ${address} or this: ${address}\n`);
  assert.equal(plain(`"'https://a.b' - c"`), '“‘https://a.b’ – c”\n');
  assert.equal(plain('https://a.b/?c=1&amp;d=2'), 'https://a.b/?c=1&d=2\n');
});

test('a line of plain text that starts with an escaped hyphen stays a line', () => {
  assert.equal(plain('a\n\\- b'), 'a\n- b\n');
});

test('values in an HTML body are escaped, and Markdown in them is rendered', () => {
  assert.equal(
    html('((a))', { a: '<script>alert(1)</script>' }),
    '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>',
  );
  assert.equal(html('x ((a))', { a: '[b](c.d "e")' }), '<p>x <a href="http://c.d" title="e">b</a></p>');
});

test('an array is a list in both bodies of an email', () => {
  assert.equal(plain('Bring:((a))', { a: ['b', 'c'] }), 'Bring:\n\n• b\n• c\n');
  assert.match(html('Bring:((a))', { a: ['b', 'c'] }), /<p>Bring:<\/p>.*<ul><li>b<\/li><li>c<\/li><\/ul>/);
});

test('a missing value shows the name of its placeholder', () => {
  assert.equal(html('a ((b))'), `<p>a <span class='placeholder'>&#40;&#40;b&#41;&#41;</span></p>`);
});

test('an unsubscribe link ends both bodies of an email', () => {
  const link = 'https://a.b/?c=1&d=2';
  assert.match(
    plain('x', {}, link),
    /^x\n\n(=-){32}=\n\nUnsubscribe from these emails: https:\/\/a\.b\/\?c=1&d=2\n$/,
  );
  assert.equal(
    html('x', {}, link),
    '<p>x</p><hr><p><a href="https://a.b/?c=1&amp;d=2">Unsubscribe from these emails</a></p>',
  );
});

test('the preheader is one short line without rules and without the URLs of links', () => {
  const preheader = (content: string) => emailPreheader(compileEmail('', content), personalisationOf({}));
  assert.equal(preheader(`# It's\n\n***\n\n[a](b)  &amp; <c>`), 'It’s a &amp; &lt;c&gt;');
  assert.equal(preheader('😀'.repeat(300)), '😀'.repeat(256));
  assert.equal(preheader(`${'a'.repeat(254)}&amp;b`), 'a'.repeat(254));
});

test('the characters and bytes of an email are those of its filled-in body', () => {
  const measure = (content: string, values = {}) =>
    measureEmail(compileEmail('', content), personalisationOf(values));
  assert.deepEqual(measure(' é😀 ((a))', { a: 'b ' }), {
    characters: 4,
    bytes: 8,
    tooLong: false,
    empty: false,
  });
  assert.equal(measure('a'.repeat(maxEmailBytes)).tooLong, false);
  assert.equal(measure(`${'a'.repeat(maxEmailBytes - 1)}é`).tooLong, true);
});

test('an email is empty if it has no content, or only placeholders that fill to nothing', () => {
  const empty = (content: string, values = {}) =>
    measureEmail(compileEmail('', content), personalisationOf(values)).empty;
  assert.equal(empty(''), true);
  assert.equal(empty('((a)) ((b))', { a: ' ', b: '' }), true);
  assert.equal(empty('((a??b))', { a: 'no' }), true);
  assert.equal(empty('((a))', { a: 'b' }), false);
  assert.equal(empty(' '), false);
  assert.equal(empty(' ((a))', { a: '' }), false);
});

test('a rendered email has a subject, a text and an HTML page', () => {
  const template = compileEmail('Hello ((name))', 'Dear ((name))');
  const { subject, text, html: page } = renderEmail(template, personalisationOf({ name: 'A & B' }));
  assert.equal(subject, 'Hello A & B');
  assert.equal(text, 'Dear A & B\n');
  assert.match(page, /<title>Hello A &amp; B<\/title>/);
  assert.match(page, />Dear A &amp; B<\/p>/);
});
