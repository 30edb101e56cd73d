import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { personalisationOf } from './personalisation.ts';
import { missingPlaceholders } from './placeholder.ts';
import {
  compileSms,
  countExtensionCharacters,
  countFragments,
  downgradeToAscii,
  downgradeToSms,
  maxSmsCharacters,
  previewSms,
  previewSmsLine,
  type RenderedSms,
  renderSms,
  unicodeLetters,
  unsupportedCharacters,
} from './sms.ts';

function render(
  content: string,
  values: Record<string, unknown> | null = null,
  prefix?: string,
): RenderedSms {
  return renderSms(compileSms(content), personalisationOf(values), prefix);
}

test('a text message is filled in, prefixed, tidied and downgraded', () => {
  const table: [string, Record<string, unknown> | null, string | undefined, string][] = [
    ['Hi ((name)) .', { Name: ' Zoë ' }, undefined, 'Hi Zoë.'],
    ['  a \r\n\r\n\r\n b\t\tc ', null, undefined, 'a\n\nb c'],
    ['Don’t – “wait”…', null, undefined, 'Don\'t - "wait"...'],
    ['&amp; <b>', null, undefined, '&amp; <b>'],
    ['b', null, ' Team  A ', 'Team A: b'],
    ['', null, 'Svc', 'Svc:'],
    ['b', null, '  ', 'b'],
    ['((things))', { things: ['one', null, 'two', '3'] }, undefined, 'one, two and 3'],
    ['((a)) ((b))', { a: '((b))', b: '1' }, undefined, '((b)) 1'],
    ['((a)) ((b))', { a: 'x' }, undefined, 'x ((b))'],
  ];
  for (const [content, values, prefix, text] of table) {
    assert.equal(render(content, values, prefix).text, text, content);
  }
});

test('missing values of a text message are named as the template spells them', () => {
  assert.deepEqual(
    missingPlaceholders(compileSms('((Your Name)) ((b))').placeholders, personalisationOf({ B: 1 })),
    ['Your Name'],
  );
});

test('without values a placeholder counts as nothing but keeps the spaces around it', () => {
  const table: [string, string | undefined, number][] = [
    ['To ((name))', undefined, 3],
    ['a  ((x))  b', undefined, 4],
    ['a  ((x??y))  b', undefined, 3],
    ['((x)) ', 'Svc', 5],
    ['\ue000((x))', undefined, 1],
    ['((ŵ))', undefined, 0],
  ];
  for (const [content, prefix, count] of table) {
    for (const values of [null, {}]) assert.equal(render(content, values, prefix).characters, count, content);
  }
  assert.equal(render('((ŵ))').encoding, 'gsm-7');
  assert.equal(render('To ((name))', { name: '' }).characters, 2);
});

test('the number of fragments changes exactly at the boundaries', () => {
  const gsm: [number, number, number][] = [
    [0, 0, 1],
    [160, 0, 1],
    [161, 0, 2],
    [306, 0, 2],
    [307, 0, 3],
    [918, 0, 6],
    [919, 0, 7],
    [159, 1, 1],
    [159, 2, 2],
    [305, 2, 3],
  ];
  for (const [count, extensions, fragments] of gsm) {
    assert.equal(countFragments(count, extensions, 'gsm-7'), fragments, `${count} + ${extensions}`);
  }
  for (const [count, fragments] of [
    [70, 1],
    [71, 2],
    [134, 2],
    [135, 3],
    [918, 14],
  ] as const) {
    assert.equal(countFragments(count, 50, 'ucs-2'), fragments, `${count} in UCS-2`);
  }
});

test('a letter that loses one of two accents is counted as GSM 7-bit but delivered as UCS-2', () => {
  const { text, encoding, deliveryEncoding, fragments } = render('ế'.repeat(80));
  assert.deepEqual([text, encoding, deliveryEncoding, fragments], ['ê'.repeat(80), 'gsm-7', 'ucs-2', 1]);
  assert.equal(render('é 😀').deliveryEncoding, 'gsm-7');
});

test('characters past the last fragment boundary are counted in the units of the encoding', () => {
  const table: [string, number, number][] = [
    ['a'.repeat(160), 1, 160],
    ['a'.repeat(162), 2, 2],
    ['a'.repeat(308), 3, 2],
    [`${'a'.repeat(159)}€`, 2, 1],
    ['ŵ'.repeat(72), 2, 2],
    ['ŵ'.repeat(135), 3, 1],
  ];
  for (const [content, fragments, above] of table) {
    const measured = render(content);
    assert.deepEqual([measured.fragments, measured.abovePreviousBoundary], [fragments, above]);
  }
});

test('the prefix is billed, but the length limit and the empty check ignore it', () => {
  const full = render('a'.repeat(maxSmsCharacters), null, 'Some service');
  assert.deepEqual([full.aboveLimit, full.charactersWithoutPrefix, full.fragments], [0, 918, 7]);
  assert.equal(render('€'.repeat(maxSmsCharacters)).aboveLimit, 0);
  assert.equal(render(`${'a'.repeat(917)}((x))`, { x: 'bcd' }, 'P').aboveLimit, 2);
  assert.equal(render('((x))', { x: ' \u200b' }, 'Svc').empty, true);
  assert.equal(render('((x))', { x: '0' }, 'Svc').empty, false);
});

test('a web preview is escaped, keeps line breaks and links addresses', () => {
  const show = (content: string, values: Record<string, unknown> | null = null, options = {}) =>
    previewSms(compileSms(content), personalisationOf(values), options);
  assert.equal(show('<b>((x))\n\n\n\n“a” .', { x: '&<' }), '&lt;b&gt;&amp;&lt;<br><br>"a".');
  assert.equal(show('b', null, { prefix: ' <i> ' }), '&lt;i&gt;: b');
  assert.equal(show('😀“a”', null, { keepCharacters: true }), '😀“a”');
  assert.equal(show('((x))', null, { redact: true }), "<span class='placeholder-redacted'>hidden</span>");
  assert.equal(show('go to a.example.'), 'go to <a href="http://a.example">a.example</a>.');
  assert.equal(
    previewSmsLine(compileSms('((a)) a.example\nb'), personalisationOf({})),
    "<span class='placeholder-redacted'>hidden</span> a.example\nb",
  );
});

const pieces = fc.constantFrom(
  '((a))',
  '((b??c ))',
  '((',
  '))',
  ' ',
  '\n',
  '\u2028',
  '.',
  '€',
  '[',
  'ŵ',
  'ế',
  '…',
  '😀',
  '\ud83d',
);
const contents = fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 60 });
const someValues = fc.option(fc.dictionary(fc.constantFrom('a', 'B', '<c>'), fc.anything()), { nil: null });

test('rendering a text message never throws and its figures agree, whatever the input', () => {
  fc.assert(
    fc.property(contents, someValues, fc.option(fc.string()), (parts, values, prefix) => {
      const sms = compileSms(parts.join(''));
      const personalisation = personalisationOf(values);
      const { text, charactersWithoutPrefix, characters, fragments, empty } = renderSms(
        sms,
        personalisation,
        prefix,
      );
      assert.ok(charactersWithoutPrefix <= characters && fragments >= 1);
      assert.equal(empty, charactersWithoutPrefix === 0);
      assert.equal(text.length, [...text].length, 'one UTF-16 unit for each character');
      previewSms(sms, personalisation, { prefix });
      previewSmsLine(sms, personalisation);
    }),
    { numRuns: 300 },
  );
});

test('fragments are never fewer than the text needs', () => {
  // Apart from letters that lose one of two accents: the reference counts those as GSM (spec 02, section 12.5).
  const units = fc
    .oneof(pieces, fc.string({ unit: 'binary' }))
    .filter((unit) => !/[ấầẩẫếềểễốồổỗḯ]/iu.test(unit));
  const gsmOnly = /^[^ẁỳÀÈÌÒÙẀỲáíóúẃýÁÍÓÚẂÝëïẅÿËÏẄŸâêîôûŵŷÂÊÎÔÛŴŶ]*$/;
  fc.assert(
    fc.property(fc.array(units, { maxLength: 40 }), fc.integer({ min: 1, max: 30 }), (parts, times) => {
      const { text, fragments } = render(parts.join('').repeat(times), { a: '^', b: 'yes' });
      const septets = text.length + (text.match(/[\^{}\\[~\]|€]/g)?.length ?? 0);
      const needed = gsmOnly.test(text)
        ? septets <= 160
          ? 1
          : septets / 153
        : text.length <= 70
          ? 1
          : text.length / 67;
      assert.ok(fragments >= needed);
    }),
    { numRuns: 300 },
  );
});

test('hostile text messages render in time linear in their length', () => {
  const units = [
    '(',
    '((a??',
    '??',
    ' ',
    ' .',
    '\r',
    '-',
    'a-',
    'a.',
    'a..',
    'a.bc..',
    '-.',
    'http://',
    '&#',
    '&a',
  ];
  for (const unit of [...units, 'a.bc/', ')', '\u0301', '😀', '\u200b', '\ue000']) {
    const hostile = unit.repeat(100_000 / unit.length);
    const started = performance.now();
    for (const [content, values] of [[hostile, null] as const, ['((v)) b', { v: hostile }] as const]) {
      render(content, values, 'Svc');
      previewSms(compileSms(content), personalisationOf(values));
    }
    assert.ok(performance.now() - started < 1500, JSON.stringify(unit));
  }
});

test('a character outside the alphabet becomes its nearest equivalent, or a question mark', () => {
  const table: [string, string][] = [
    ['Hello [world] {€5} ^~|\\', 'Hello [world] {€5} ^~|\\'],
    ['\x1b\r\n', '\x1b\r\n'],
    ['ŵêl àéÿ ŸẄ', 'ŵêl àéÿ ŸẄ'],
    ['çśãőẹ', 'csaoe'],
    ['≠≮≯\u037e\u212a\u212b', '=<>;KÅ'],
    ['\u2126ΏῼὨ', 'ΩΩΩΩ'],
    ['ǣǿǻḈǖȫǟ', 'æøåÇüöä'],
    ['ấếồḯ', 'âêôï'],
    ['ệḗ', '??'],
    ['\u2011–—\u2212…‘’‚“”„', '----...\'\'\'"""'],
    ['a\u200bb\ufeffc\u2028', 'abc'],
    ['\u00a0\u202f\t', '   '],
    ['Łódź', 'Lódz'],
    ['`™½©ﬁ', '?????'],
    ['Жя你한', '????'],
    ['👨‍👩‍👧‍👦', '????'],
    ['☎️', '??'],
    ['\ud800', '?'],
    ['\u{2f800}\u{1d15e}', '??'],
  ];
  for (const [text, expected] of table) assert.equal(downgradeToSms(text), expected, text);
});

test('the same rules downgrade a text to printable ASCII', () => {
  assert.equal(downgradeToAscii('Łŵ é “q” £\n€…'), 'Lw e "q" ???...');
});

test('unsupported characters are those that become question marks, each once, by code point', () => {
  assert.deepEqual(unsupportedCharacters('?🔔a🐮é🔔Ж'), ['Ж', '🐮', '🔔']);
  assert.deepEqual(unsupportedCharacters('plain? “quotes” ŵ'), []);
});

test('only Welsh letters outside GSM 7-bit force UCS-2', () => {
  assert.deepEqual(unicodeLetters('à ŷ é ÿ ŷ 😀 ế'), ['ŷ', 'ÿ']);
  const welsh = [...'aeiouwyAEIOUWY'].flatMap((vowel) =>
    [...'\u0300\u0301\u0308\u0302'].map((accent) => (vowel + accent).normalize('NFC')),
  );
  assert.equal(unicodeLetters(welsh.join('')).length, 43);
  assert.equal(downgradeToSms(welsh.join('')), welsh.join(''));
  assert.equal(countExtensionCharacters('a^{}\\[~]|€b(-'), 9);
});
