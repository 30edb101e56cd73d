import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formOf } from '../frame/form.ts';
import { costLine, dearCharacters, marked, moneyInWords, type Preview, withPlainLetters } from './cost.ts';
import { exampleFor, placeholderChanges, placeholdersOf, valuesOf } from './template.ts';

const draft = (content: string, subject = '', type: 'sms' | 'email' = 'sms') => ({ type, subject, content });

suite('placeholders while a template is written', () => {
  const cases: readonly (readonly [string, readonly (readonly [string, boolean])[]])[] = [
    ['High tide', []],
    [
      'Hi ((name)), ((NA_ME)) at ((time))',
      [
        ['name', false],
        ['time', false],
      ],
    ],
    [
      '((late??Hurry)) ((a))',
      [
        ['late', true],
        ['a', false],
      ],
    ],
    ['((late??Hurry)) ((late))', [['late', false]]],
    ['((open', []],
    ['(((name)))', [['name', false]]],
    ['((a (b) c))', []],
  ];
  for (const [content, expected] of cases)
    test(`“${content}”`, () =>
      assert.deepEqual(
        placeholdersOf(draft(content)).map(({ name, isConditional }) => [name, isConditional]),
        expected,
      ));

  test('the subject of an email comes first, and a text has none', () => {
    const names = (type: 'sms' | 'email') =>
      placeholdersOf(draft('((b)) ((a))', '((a)) ((c))', type)).map(({ name }) => name);
    assert.deepEqual(
      [names('email'), names('sms')],
      [
        ['a', 'c', 'b'],
        ['b', 'a'],
      ],
    );
  });

  test('what came and went is told by names however they are spelt', () => {
    assert.deepEqual(placeholderChanges(draft('((First name)) ((time))'), draft('((first_name)) ((day))')), {
      added: ['day'],
      gone: ['time'],
    });
  });

  test('examples fit names, and what was typed stays, even nothing', () => {
    assert.equal(exampleFor({ name: 'First name', isConditional: false }), 'Rowan');
    assert.equal(exampleFor({ name: 'tide', isConditional: false }), 'tide');
    assert.equal(exampleFor({ name: 'late', isConditional: true }), 'yes');
    const form = formOf([
      ['value:TIDE', ''],
      ['value:gone', 'x'],
    ]);
    assert.deepEqual(valuesOf(placeholdersOf(draft('((tide)) ((time))')), form), {
      tide: '',
      time: '14:05',
    });
  });
});

const preview = (more: Partial<Preview>): Preview => ({
  ...{ template_type: 'sms', subject: null, text: '', html: '', missing: [] },
  ...{ characters: 20, characters_over: 0, characters_above_previous_boundary: 0, fragments: 1 },
  ...{ encoding: 'gsm-7', ucs2_characters: [], double_characters: [], unsupported_characters: [] },
  ...{ cost_in_pounds: 0.024 },
  ...more,
});

suite('what a message costs, in a sentence', () => {
  const long = { fragments: 2, cost_in_pounds: 0.048 };
  const cases: readonly (readonly [Partial<Preview>, string])[] = [
    [{}, '1 text message: 2.4p.'],
    [{ template_type: 'email', fragments: null, cost_in_pounds: 0 }, 'An email costs nothing.'],
    [
      { ...long, encoding: 'ucs-2', ucs2_characters: ['ŵ'] },
      '2 text messages, because of ŵ: 4.8p each. With w it is 1, 2.4p.',
    ],
    [
      { ...long, encoding: 'ucs-2', ucs2_characters: ['ŵ', 'ŷ', 'Ŵ'] },
      '2 text messages, because of ŵ, ŷ and Ŵ: 4.8p each. With w, y and W it is 1, 2.4p.',
    ],
    [
      { encoding: 'ucs-2', ucs2_characters: ['ŵ'] },
      '1 text message: 2.4p. Because of ŵ only 70 characters fit into one, not 160.',
    ],
    [
      { ...long, characters: 158, double_characters: ['€'] },
      '2 text messages, because € counts twice: 4.8p each. Without it, it is 1, 2.4p.',
    ],
    [
      { ...long, characters: 170, characters_above_previous_boundary: 12, double_characters: ['€'] },
      '2 text messages: 4.8p each. 12 characters less make it 1, 2.4p.',
    ],
    [
      { ...long, characters: 161, characters_above_previous_boundary: 1 },
      '2 text messages: 4.8p each. 1 character less makes it 1, 2.4p.',
    ],
    [
      { fragments: 7, cost_in_pounds: 1.2, characters_over: 5 },
      '7 text messages: £1.20 each. It is 5 characters too long: the most is 918.',
    ],
    [
      { unsupported_characters: ['🎉'] },
      '1 text message: 2.4p. 🎉 cannot be sent in a text message: “?” arrives in its place.',
    ],
  ];
  for (const [more, line] of cases)
    test(line, () => assert.equal(costLine(preview(more), { fragments: 1, cost_in_pounds: 0.024 }), line));

  test('money is in pence below a pound', () => {
    assert.deepEqual([0, 0.0158, 0.1, 1, 12.345].map(moneyInWords), [
      '0p',
      '1.58p',
      '10p',
      '£1.00',
      '£12.35',
    ]);
  });

  test('only what makes a text dearer is marked, where it stands, and nothing becomes markup', () => {
    assert.deepEqual(dearCharacters(preview({ double_characters: ['€'] })), []);
    assert.deepEqual(dearCharacters(preview({ encoding: 'ucs-2', ucs2_characters: ['ŵ'] })), ['ŵ']);
    assert.equal(marked('<ŵ>', ['ŵ']).text, '&lt;<mark class="app-mark">ŵ</mark>&gt;');
    assert.equal(withPlainLetters('ŵyl w\u0302 é', ['ŵ']), 'wyl w é');
  });
});
