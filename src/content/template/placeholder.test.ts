import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseLossless } from '../../ground/json.ts';
import { personalisationOf } from './personalisation.ts';
import {
  additionalKeys,
  type Mode,
  missingPlaceholders,
  modes,
  parseText,
  placeholdersOf,
  substitute,
} from './placeholder.ts';
import { sanitisePersonalisation } from './sanitise.ts';

const plain: Mode = { field: 'plain', html: 'passthrough', lists: 'sentence' };
const html: Mode = { field: 'html', html: 'escape', lists: 'sentence' };

function fillIn(content: string, values: Record<string, unknown> | null, mode: Mode = plain): string {
  return substitute(parseText(content), personalisationOf(values), mode);
}

test('only a pair of double brackets with a body free of brackets is a placeholder', () => {
  const table: [string, string[]][] = [
    ['((a))((b))', ['a', 'b']],
    ['(((a)))', ['a']],
    ['(()) ((a(b))) ((open', []],
    ['((a\nb))', ['a\nb']],
    ['(( Ref No ))', [' Ref No ']],
    ['((sure?yes)) ((sure??yes))', ['sure?yes', 'sure']],
    ['((Ref no)) ((ref-no)) ((REF_NO??x))', ['Ref no']],
    ['((a.b)) ((ab))', ['a.b', 'ab']],
    ['((??x))', ['']],
  ];
  for (const [content, names] of table) assert.deepEqual(parseText(content).placeholders, names, content);
});

test('the placeholders of a template come in order of its texts, each in its first spelling', () => {
  const subject = parseText('((Day))');
  const content = parseText('((name)) ((DAY)) ((NAME))');
  assert.deepEqual(placeholdersOf(subject, content), ['Day', 'name']);
});

test('a placeholder is missing when its value is absent or null, and for no other reason', () => {
  const values = personalisationOf({ empty: '', no: false, zero: 0, list: [], nothing: null });
  assert.deepEqual(missingPlaceholders(['Empty', 'no', 'zero', 'list', 'Nothing', 'absent'], values), [
    'Nothing',
    'absent',
  ]);
  assert.deepEqual(additionalKeys(['First Name'], { first_name: 1, 'Last-Name': 2 }), ['Last-Name']);
});

test('names match whatever their case, spaces, underscores and hyphens, and the later key wins', () => {
  assert.equal(fillIn('((first name))', { 'FIRST_na-me': 'Ada' }), 'Ada');
  assert.equal(fillIn('((a\tb))', { ab: 'no' }), '((a\tb))');
  assert.equal(fillIn('((ab))', { a_b: 'early', AB: 'late' }), 'late');
});

test('of keys that match alike, the last one written wins, even if keys read as whole numbers', () => {
  const table: [string, string][] = [
    ['{"2_":"x","2":"y"}', 'y'],
    ['{"2":"y","2_":"x"}', 'x'],
    ['{"2":"a","2_":"b","2":"c"}', 'b'],
    ['{"-2":1,"a":2,"2":3}', '3'],
  ];
  for (const [source, text] of table) {
    const values = parseLossless(source) as Record<string, unknown>;
    assert.equal(fillIn('((2))', values), text, source);
    assert.equal(fillIn('((2))', values, html), text, source);
    assert.equal(fillIn('((2))', sanitisePersonalisation(values, ['z']).personalisation), text, source);
  }
});

test('a key with an entity finds its placeholder in HTML as in plain text', () => {
  const table: [string, string][] = [
    ['a&Dagger;', 'a&dagger;'],
    ['a & amp; b', 'a&amp;b'],
    ['a&_lt;b', 'a&lt;b'],
    ['x&EACUTE;', 'x&Eacute;'],
    ['x&hyphen;&notit;', 'X&hyphen;&NOTIT;'],
  ];
  for (const [name, key] of table)
    for (const mode of [plain, html]) assert.equal(fillIn(`((${name}))`, { [key]: 1 }, mode), '1', name);
});

test('keys are escaped as the content is before they are matched in HTML', () => {
  for (const key of ['a&b', 'a&amp;b']) assert.equal(fillIn('((a&b))', { [key]: 1 }, html), '1');
  assert.equal(fillIn('((&gt;day))', { '>day': 'Monday' }, html), 'Monday');
  assert.equal(fillIn('((&gt;day))', { '>day': 'Monday' }), '((&gt;day))');
});

test('a conditional shows its text for a yes and nothing for anything else', () => {
  for (const yes of ['yes', 'Y', 'TRUE', 't', '1', 'Include', 'show', true, 1, ['yes']]) {
    assert.equal(fillIn('a((x?? b))', { x: yes }), 'a b', String(yes));
  }
  for (const no of [
    'no',
    ' yes',
    '',
    'on',
    '2',
    0,
    2,
    false,
    [],
    ['yes', 'yes'],
    {},
    JSON.parse('{"a":1}'),
  ]) {
    assert.equal(fillIn('a((x?? b))', { x: no }), 'a', String(no));
  }
  assert.equal(fillIn('((x??a ?? b))', { x: 'y' }), 'a ?? b');
  assert.equal(fillIn('((x??b))', { x: ['yes'] }, modes.emailPlain), '');
});

test('the form of a missing value depends on field and mode', () => {
  const table: [Mode, string][] = [
    [plain, '((a&b)) ((c??d<))'],
    [{ ...plain, brackets: false }, 'a&b ((c??d<))'],
    [{ ...plain, redact: true }, '[hidden] [hidden]'],
    [
      html,
      "<span class='placeholder'>&#40;&#40;a&amp;b&#41;&#41;</span> " +
        "<span class='placeholder-conditional'>&#40;&#40;c??</span>d&lt;&#41;&#41;",
    ],
    [
      { ...html, redact: true },
      "<span class='placeholder-redacted'>hidden</span> <span class='placeholder-redacted'>hidden</span>",
    ],
  ];
  for (const [mode, expected] of table) assert.equal(fillIn('((a&b)) ((c??d<))', null, mode), expected);
  assert.equal(
    fillIn('((a))', {}, { ...html, brackets: false }),
    "<span class='placeholder-no-brackets'>a</span>",
  );
});

test('escaping applies to content and values alike, and passthrough to neither', () => {
  assert.equal(fillIn('<b>((x))', { x: '<i>&lsqb;' }, html), '&lt;b&gt;&lt;i&gt;[');
  assert.equal(fillIn('<b>((x))', { x: '<i>&lsqb;' }), '<b><i>&lsqb;');
});

test('references to brackets are not placeholder syntax, so a conditional can show brackets', () => {
  assert.equal(fillIn('((x??see &lpar;a&rpar;))', { x: 'yes' }, html), 'see (a)');
  assert.equal(fillIn('&lpar;&lpar;x&rpar;&rpar;', { x: 'value' }, html), '((x))');
});

const allModes = fc.constantFrom<Mode>(...Object.values(modes), plain, { ...html, brackets: false });
const contents = fc
  .array(
    fc.oneof(fc.constantFrom('((', '))', '(', '??', '((a))', '((b??c))', '&', ';', '&lpar;'), fc.string()),
  )
  .map((parts) => parts.join(''));

test('substitution never throws, whatever the content and the values', () => {
  fc.assert(
    fc.property(contents, fc.dictionary(fc.string(), fc.anything()), allModes, (content, values, mode) => {
      assert.equal(typeof fillIn(content, { ...values, a: values['a'] ?? 1 }, mode), 'string');
    }),
    { numRuns: 300 },
  );
});

test('no value can bring in a placeholder that is then replaced', () => {
  const values = fc.array(fc.constantFrom('((', '))', '(', ')', 'b', '??', 'x'), { maxLength: 8 });
  fc.assert(
    fc.property(values, values, (one, two) => {
      const [a, c] = [one.join(''), two.join('')];
      assert.equal(fillIn('<((a))((c))>', { a, c, b: 'SECRET' }), `<${a}${c}>`);
    }),
    { numRuns: 300 },
  );
});

test('hostile content is parsed in time linear in its length', () => {
  for (const unit of ['(', ')', '??', '((a', '((a??', '((a))', '((?', '() ']) {
    const started = performance.now();
    fillIn(unit.repeat(200_000 / unit.length), { a: 'x' }, html);
    assert.ok(performance.now() - started < 1000, unit);
  }
});
