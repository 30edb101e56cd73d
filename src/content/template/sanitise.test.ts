import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLossless } from '../../ground/json.ts';
import { compileEmail, renderEmail } from './email.ts';
import { personalisationOf } from './personalisation.ts';
import { plainName, sanitisePersonalisation, sanitiseText } from './sanitise.ts';

const texts: readonly (readonly [value: string, sanitised: string])[] = [
  ['Sam', 'Sam'],
  ['Tom &amp; Jerry&nbsp;& Co', 'Tom &amp; Jerry&nbsp;& Co'],
  ['200&micro;g', '200&micro;g'],
  ['Pay now\n ===\nor never', 'Pay now ===\nor never'],
  ['Pay now\n\n===', 'Pay now ==='],
  ['1 == 1\n== 2', '1 == 1\n== 2'],
  ['&lsqb;click&rsqb;&lpar;a&rpar;', '&amp;lsqb;click&amp;rsqb;&amp;lpar;a&amp;rpar;'],
  ['&#91;click&#x5d;', '&\\#91;click&\\#x5d;'],
  ['Dr.Brown', 'Dr\\. Brown'],
  ['Sam [prize](https://win.example)', 'Sam \\[prize\\]\\(\\)'],
  ['see www.shop.example and http://shop.example', 'see www\\. shop\\. example and '],
  ['Flat 3-4, (rear)', 'Flat 3\\-4, \\(rear\\)'],
  ['win.example/path', ''],
  ['bücher.example', ''],
  ['HTTPS://win.example', ''],
  ['a@b.example', 'a@b\\.example'],
  ['# one\n* two', '\\# one\n\\* two'],
  ['1. one', '1\\. one'],
  ['back\\slash', 'back\\\\slash'],
  ['http://localhost/x', ''],
  ['http://10.0.0.1/x', ''],
  ['http://[::1]/x', ''],
  ['http://[ x', ' x'],
  ['😀win.example', '😀win\\. example'],
];

for (const [value, sanitised] of texts) {
  test(`sanitises ${JSON.stringify(value)}`, () => assert.equal(sanitiseText(value), sanitised));
}

test('keys to sanitise match as placeholders do, and only changed values are reported', () => {
  const values = { 'First Name': 'a.b', last_name: 'Brown', other: 'c*' };
  assert.deepEqual(sanitisePersonalisation(values, ['first-name', 'LASTNAME', 'absent']), {
    personalisation: { 'First Name': 'a\\.b', last_name: 'Brown', other: 'c*' },
    changes: { 'First Name': { unsanitised: 'a.b', sanitised: 'a\\.b' } },
    notText: [],
  });
});

test('every text in a list is sanitised, and what is nested in it as the text that it shows as', () => {
  const list = [
    'Sam',
    'http://win.example',
    null,
    5,
    true,
    ['win.example/c', ['*x*']],
    { 'https://k.example': '[a](b)' },
  ];
  const { personalisation, changes, notText } = sanitisePersonalisation({ list }, ['list']);
  assert.deepEqual(personalisation, {
    list: ['Sam', '', null, 5, true, "\\[' \\['\\*x\\*'\\]\\]", "\\{'': '\\[a\\]\\(b\\)'\\}"],
  });
  assert.deepEqual(Object.keys(changes), ['list']);
  assert.equal(typeof changes['list']!.unsanitised, 'string');
  assert.equal(typeof changes['list']!.sanitised, 'string');
  assert.deepEqual(notText, []);
});

test('an object to sanitise becomes the text that it shows as, sanitised', () => {
  const { personalisation, changes } = sanitisePersonalisation({ o: { a: 'Dr.Brown', b: [1] } }, ['o']);
  const sanitised = "\\{'a': 'Dr\\. Brown', 'b': \\[1\\]\\}";
  assert.deepEqual(personalisation, { o: sanitised });
  assert.deepEqual(changes, { o: { unsanitised: "{'a': 'Dr.Brown', 'b': [1]}", sanitised } });
});

test('a list without anything to neutralise is kept as it is and not reported', () => {
  const values = { a: [' Sam ', 'Jo', 1, null], b: [] };
  assert.deepEqual(sanitisePersonalisation(values, ['a', 'b']), {
    personalisation: values,
    changes: {},
    notText: [],
  });
});

test('a link in a list is not hidden by invisible characters that lists lose', () => {
  for (const hidden of ['\u200b', '\u2060', '\ufeff', '\u2028', '\xa0'])
    assert.deepEqual(
      sanitisePersonalisation({ a: [`evil${hidden}.example/x`] }, ['a']).personalisation,
      { a: [''] },
      JSON.stringify(hidden),
    );
});

test('numbers and truth values to sanitise are not changed, and files are named', () => {
  const values = { ...(parseLossless('{"a": 6.0, "b": 12345678901234567890}') as object), c: true, d: null };
  const file = { file: 'aGk=', filename: 'hi.txt' };
  const { personalisation, changes, notText } = sanitisePersonalisation({ ...values, file }, [
    ...Object.keys(values),
    'FILE',
  ]);
  assert.equal(
    JSON.stringify(personalisation),
    '{"a":6.0,"b":12345678901234567890,"c":true,"d":null,"file":{"file":"aGk=","filename":"hi.txt"}}',
  );
  assert.deepEqual(changes, {});
  assert.deepEqual(notText, ['file']);
});

test('a key such as __proto__ is sanitised like any other', () => {
  const values = JSON.parse('{"__proto__": "a*"}');
  const { personalisation, changes } = sanitisePersonalisation(values, ['__proto__']);
  assert.equal(JSON.stringify(personalisation), '{"__proto__":"a\\\\*"}');
  assert.deepEqual(Object.keys(changes), ['__proto__']);
});

test('a sanitised value writes no link, no format and no line of its own with references', () => {
  const template = compileEmail('Hello', 'Hello ((name)), welcome');
  const rendered = (value: string) => renderEmail(template, personalisationOf({ name: sanitiseText(value) }));
  const tags = (html: string) => html.match(/<[^>]+>/g);
  const usual = tags(rendered('Rowan').html);
  for (const value of [
    '&lsqb;click&rsqb;&lpar;https&colon;//evil&period;example&rpar;',
    '&lbrack;click&rbrack;&lpar;https&colon;&sol;&sol;evil.example&rpar;',
    'https&colon;//evil&period;example',
    'evil&period;example/pay',
    '&NewLine;&NewLine;&num; Pay now',
    '&amp;lsqb;click&amp;rsqb;(https://evil.example)',
    '&lsqbclick&rsqb(https&colon;//evil.example)',
    '&#91;click&#93;&#40;https&#58;//evil&#46;example&#41;',
    '&lt;a href=&quot;https&colon;//evil&period;example&quot;&gt;click&lt;/a&gt;',
  ]) {
    const { html, text } = rendered(value);
    assert.deepEqual(tags(html), usual, `${value}: ${html}`);
    assert.ok(!/https?:\/\//.test(text.replaceAll('&amp;', '&')), `${value}: ${text}`);
  }
});

const names: readonly (readonly [name: string, shown: string])[] = [
  ['Anne-Marie O’Hara', 'Anne-Marie O’Hara'],
  ['Parking (North) & Tides, 24/7', 'Parking (North) & Tides, 24/7'],
  ['Dr. Brown', 'Dr. Brown'],
  ['渋谷区', '渋谷区'],
  ['40916', '40916'],
  ['[click](https://evil.example)', 'click(https: // evil. example)'],
  ['https://evil.example/a.b', 'https: // evil. example/a. b'],
  ['HTTP://localhost', 'HTTP: // localhost'],
  ['evil.example', 'evil. example'],
  ['evil\u200b.exa\u2060mple', 'evil. example'],
  ['http:\u3164//evil\ufdd0.example', 'http: // evil. example'],
  ['http[://evil', 'http: // evil'],
  ['&lsqb;click&rsqb;&lpar;http&colon;//evil&period;example&rpar;', 'click(http: // evil. example)'],
  ['&amp;amp;lt;b&amp;gt;x', 'bx'],
  ['<b>Rowan</b>', 'bRowan/b'],
  ['Rowan\\', 'Rowan'],
  ['Rowan\n\n# Pay now\r\n* at once', 'Rowan # Pay now * at once'],
  ['\u202eRowan', 'Rowan'],
  ['\ud800Rowan', 'Rowan'],
  ['# Rowan', '\u2060# Rowan'],
  ['1. FC Tide', '\u20601. FC Tide'],
  ['', ''],
];

for (const [name, shown] of names)
  test(`a name reads ${JSON.stringify(shown)} where it was ${JSON.stringify(name)}`, () =>
    assert.equal(plainName(name), shown));

test('in an email a plain name is running text wherever it stands, and its subject has no escapes', () => {
  const template = compileEmail('((name)) has news', 'Hello\n((name))\nhas news\n\n((name))');
  const rendered = (name: string) => renderEmail(template, personalisationOf({ name: plainName(name) }));
  const tags = (html: string) => html.match(/<[^>]+>/g);
  const usual = tags(rendered('Rowan').html);
  for (const [name] of names) {
    if (name === '') continue;
    const { html, text, subject } = rendered(name);
    assert.deepEqual(tags(html), usual, name);
    assert.ok(!/https?:\/\/(?!www\.w3\.org)/i.test(text), name);
    assert.ok(!subject.includes('\\'), name);
  }
  for (const marks of ['---', '***', '^ x', '> x', '~~~', '====', '- x', '• x', '| a | b |', '٣. x', '    x'])
    assert.deepEqual(tags(rendered(marks).html), usual, marks);
});
