import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  compileEmail,
  emailHtmlBody,
  emailPlainText,
  emailPreheader,
  measureEmail,
  renderEmail,
} from './email.ts';
import { personalisationOf } from './personalisation.ts';
import { sanitisePersonalisation } from './sanitise.ts';

const syntax = [
  ...[
    '[',
    ']',
    '](',
    ')',
    '[a](b)',
    '![',
    '(',
    '((a))',
    '((b??',
    '))',
    '<',
    '>',
    '<b>',
    '</b>',
    '<!--',
    '-->',
    '"',
    "'",
  ],
  ...[
    'http://',
    'https://a.b',
    'www.a.b',
    'a.b/c',
    'javascript:',
    '&',
    '&lt;',
    '&#60;',
    '&amp;',
    '\\',
    '\n',
    '\n\n',
    '    ',
  ],
  ...[
    '* ',
    '1. ',
    '^ ',
    '# ',
    '---',
    '===',
    '```\n',
    '|',
    '[a]: http://c.d\n',
    '[^a]',
    ' ',
    '\t',
    '\u2028',
    '\ufdd0',
    'x',
  ],
  ...['onclick="x"', '<script>', '<img src=x>', '<a href="http://e.f">', 'é', '😀', '\ud800'],
];
const text = fc.oneof(
  fc.array(fc.constantFrom(...syntax), { maxLength: 25 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 60 }),
);

const ourTags = new RegExp(
  [
    '^<(?:/(?:p|h2|h3|ul|ol|li|table|tr|td|div|blockquote|a|span)|br|tr|td',
    '(?:p|h2|h3|hr|ul|ol|li|div|blockquote) style="[^"<>]*"',
    'table role="presentation" style="[^"<>]*"',
    'a style="[^"<>]*" href="[^"<> ]*"(?: title="[^"<>]*")?',
    `span class='placeholder(?:-conditional)?')>$`,
  ].join('|'),
);

function assertOnlyOurTags(html: string): void {
  for (const [tag] of html.matchAll(/<[^>]*>?/g)) assert.match(tag, ourTags);
}

test('any email content and personalisation can be rendered', () => {
  fc.assert(
    fc.property(
      text,
      text,
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue()),
      (subject, content, values) => {
        const template = compileEmail(subject, content);
        const personalisation = personalisationOf(values);
        renderEmail(template, personalisation, { unsubscribeLink: 'https://a.b/c' });
        measureEmail(template, personalisation);
      },
    ),
    { numRuns: 500 },
  );
});

test('neither content nor values can put a tag of their own into the HTML of an email', () => {
  fc.assert(
    fc.property(text, text, text, (content, a, b) => {
      const template = compileEmail('', content);
      const values = personalisationOf({ a, b });
      assertOnlyOurTags(emailHtmlBody(template, values));
      assertOnlyOurTags(emailPreheader(template, values));
    }),
    { numRuns: 1500 },
  );
});

test('a sanitised list or object adds no link, heading or emphasis to the template around it', () => {
  const nested = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, text, tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    object: fc.dictionary(text, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  }));
  fc.assert(
    fc.property(fc.oneof(nested.list, nested.object), (a) => {
      const { personalisation } = sanitisePersonalisation({ a }, ['a']);
      const values = personalisationOf(personalisation);
      const template = compileEmail('((a))', 'before ((a)) after');
      const html = emailHtmlBody(template, values);
      assert.doesNotMatch(html, /<(?:a|em|strong|h\d|img)[ >]/);
      assert.doesNotMatch(emailPlainText(template, values), /https?:\/\/[^\s<]/);
    }),
    { numRuns: 1500 },
  );
});

test('a sanitised value adds no link, heading or emphasis to the template around it', () => {
  fc.assert(
    fc.property(text, (a) => {
      const template = compileEmail('', 'before ((a)) after');
      const { personalisation } = sanitisePersonalisation({ a }, ['a']);
      const values = personalisationOf(personalisation);
      const html = emailHtmlBody(template, values);
      assert.doesNotMatch(html, /<(?:a|em|strong|h\d|img)[ >]/);
      const plain = emailPlainText(template, values);
      assert.doesNotMatch(plain, /https?:\/\/[^\s<]/);
    }),
    { numRuns: 1500 },
  );
});
