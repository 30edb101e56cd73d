import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { wordDifference } from './difference.ts';

/** Gone words in [-…-], new ones in {+…+}. */
const shown = (older: string, newer: string) =>
  wordDifference(older, newer)
    .map(({ kind, text }) => (kind === 'same' ? text : kind === 'gone' ? `[-${text}-]` : `{+${text}+}`))
    .join('');

suite('differences by word', () => {
  const cases: readonly (readonly [older: string, newer: string, difference: string])[] = [
    ['', '', ''],
    ['High tide', 'High tide', 'High tide'],
    ['', 'High tide', '{+High tide+}'],
    ['High tide', '', '[-High tide-]'],
    ['High tide at noon', 'Low tide at noon', '[-High-]{+Low+} tide at noon'],
    ['High tide at noon', 'High tide at 12', 'High tide at [-noon-]{+12+}'],
    ['Hi ((name)), tide', 'Hi ((first name)), tide', 'Hi (({+first +}name)), tide'],
    ['one two three four', 'one three four', 'one [-two -]three four'],
    ['ŵyl a môr', 'ŵyl a mor', 'ŵyl a [-môr-]{+mor+}'],
    ['one\ntwo', 'one\n\ntwo', 'one[-\n-]{+\n\n+}two'],
    ['don’t go', 'do go', '[-don’t-]{+do+} go'],
    ['🎉 now', '🎊 now', '[-🎉-]{+🎊+} now'],
  ];
  for (const [older, newer, difference] of cases)
    test(`“${older}” became “${newer}”`, () => assert.equal(shown(older, newer), difference));

  test('the stretches make up both texts, whatever they are', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * below);
    };
    const text = () =>
      Array.from({ length: random(14) }, () => ['a', 'b', 'c', ' ', '(('][random(5)]).join(' ');
    for (let run = 0; run < 2000; run += 1) {
      const [older, newer] = [text(), text()];
      const stretches = wordDifference(older, newer);
      const without = (kind: string) =>
        stretches
          .filter((one) => one.kind !== kind)
          .map((one) => one.text)
          .join('');
      assert.deepEqual([without('new'), without('gone')], [older, newer]);
    }
  });

  test('large texts that share nothing are one in place of the other, in little time', () => {
    const older = Array.from({ length: 50_000 }, (_, index) => `a${index}`).join(' ');
    const newer = Array.from({ length: 50_000 }, (_, index) => `b${index}`).join('-');
    assert.deepEqual(
      wordDifference(older, newer).map(({ kind }) => kind),
      ['gone', 'new'],
    );
  });
});
