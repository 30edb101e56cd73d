import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { horizontalBars, progressBar, stackedBars } from './bars.ts';
import { lines } from './lines.ts';
import { figuresCsv, type PlotOptions, rangeSentence, roundUp } from './plot.ts';

const options: PlotOptions = {
  id: 'days',
  heading: 'Messages by day',
  sentence: 'Between 0 and 30 a day; 5% failed',
  rowHeader: 'Day',
  csvHref: '/days.csv',
  series: [{ name: 'Delivered' }, { name: 'Under way' }, { name: 'Failed' }],
  rows: [
    { label: '1 March', values: [20, 0, 10] },
    { label: '2 March', values: [0, 0, 0] },
    { label: '3 March', values: [null, null, null] },
    { label: '<b>4</b> March', values: [1000, 5, 1], unfinished: true },
  ],
};

/** Attributes of every element of this kind. */
const all = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]!);

suite('plots (spec 07, section 9)', () => {
  test('stacked bars have a heading, the sentence as their name, a table with the same figures and a download', () => {
    const { text } = stackedBars(options);
    assert.match(text, /<h2 [^>]*id="days-heading">Messages by day<\/h2>/);
    assert.match(text, /role="img" aria-label="Between 0 and 30 a day; 5% failed"/);
    assert.match(text, /href="\/days\.csv"/);
    const cells = all(text, /<t[dh] class="govuk-table__cell[^>]*>([^<]*)</g);
    assert.deepEqual(cells, [
      ...['20', '0', '10'],
      ...['0', '0', '0'],
      ...['no figure', 'no figure', 'no figure'],
      ...['1,000', '5', '1'],
    ]);
    assert.doesNotMatch(text, /<b>|style=| on\w+=/);
  });

  test('what is 0 is drawn, what is missing is a gap that says so, and what is unfinished is hatched', () => {
    const { text } = stackedBars(options);
    assert.equal(all(text, /class="(app-zero)"/g).length, 1);
    assert.match(text, /There are no figures for 3 March: that is a gap, not a zero\./);
    assert.equal(all(text, /<rect x="\d[^>]*fill="(url\(#days-unfinished\))"/g).length, 4);
    assert.match(text, /&lt;b&gt;4&lt;\/b&gt; March \(so far\)/);
  });

  test('bars keep inside the picture, however small their parts are', () => {
    const { text } = stackedBars({
      ...options,
      rows: [{ label: 'day', values: [100_000, 1, 1] }],
    });
    for (const [, x, y, width, height] of text.matchAll(
      /<rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.]+)" height="([\d.]+)" class="app-block/g,
    )) {
      assert.ok(Number(x) >= 0 && Number(y) >= 0);
      assert.ok(Number(height) >= 1);
      if (width !== '16') assert.ok(Number(y) + Number(height) <= 180.01, `${y} + ${height}`);
    }
  });

  test('horizontal bars say label and figure as text, and can lead somewhere', () => {
    const { text } = horizontalBars({
      ...options,
      series: [{ name: 'Messages', look: 3 }],
      rows: [
        { label: 'The phone number does not exist', values: [9] },
        { label: 'other', values: [1] },
      ],
      hrefs: ['/messages?reason=9', null],
    });
    assert.match(
      text,
      /<a class="govuk-link" href="\/messages\?reason=9"[^>]*>The phone number does not exist<\/a> <span class="app-number">9</,
    );
    assert.deepEqual(all(text, /width="([\d.]+)" height="12" class/g), ['600', '66.67']);
  });

  test('a line is interrupted where there is no figure, and one between gaps is still drawn', () => {
    const rows = [1, null, 4, null, 2, 2].map((value, index) => ({ label: `${index}`, values: [value] }));
    const { text } = lines({ ...options, series: [{ name: 'a' }], rows });
    assert.deepEqual(all(text, /<path d="(M0 1[^"]+)"/g), ['M0 135h8M236 0h8M480 90L600 90']);
  });

  test('a figure alone at the end is drawn inside the picture', () => {
    const rows = [null, null, 2].map((value, index) => ({ label: `${index}`, values: [value] }));
    const { text } = lines({ ...options, series: [{ name: 'a' }], rows });
    assert.match(text, /<path d="M592 0h8"/);
  });

  test('a logarithmic scale has a line for each power of ten', () => {
    const rows = [1, 1000, 0].map((value, index) => ({ label: `${index}`, values: [value] }));
    const { text } = lines({ ...options, series: [{ name: 'a' }], rows, scale: 'logarithmic' });
    assert.match(text, /<span>1,000<\/span><span>100<\/span><span>10<\/span><span>1<\/span>/);
    assert.match(text, /d="M0 180L300 0L600 180"/);
  });

  test('a progress bar never runs over its end', () => {
    const { text } = progressBar({
      ...{ id: 'file', sentence: '3 of 100,000', series: options.series },
      ...{ values: [99_998, 1, 1], total: 100_000 },
    });
    const ends = [...text.matchAll(/<rect x="([\d.]+)" y="0" width="([\d.]+)" height="24" class/g)].map(
      ([, x, width]) => Number(x) + Number(width),
    );
    assert.equal(ends.length, 3);
    assert.ok(
      ends.every((end) => end <= 600.01),
      ends.join(),
    );
  });

  for (const [totals, expected] of [
    [[30, 520], 'Between 30 and 520 a day'],
    [[0, 0], 'None a day'],
    [[7], '7 a day'],
    [[], 'There are no figures.'],
    [[1234, 5], 'Between 5 and 1,234 a day'],
  ] as const)
    test(`the range of ${JSON.stringify(totals)} is “${expected}”`, () => {
      assert.equal(rangeSentence(totals, 'a day'), expected);
    });

  for (const [value, top] of [
    [0, 2],
    [1, 2],
    [7, 8],
    [10, 10],
    [11, 20],
    [42, 50],
    [430, 500],
    [0.3, 0.4],
    [12_345, 20_000],
  ] as const)
    test(`an axis to ${value} ends at ${top}`, () => {
      assert.equal(roundUp(value), top);
    });

  test('a downloaded table has no formulas', () => {
    const { body, headers } = figuresCsv('days of x', {
      ...{ rowHeader: 'Day', series: [{ name: '=A1' }] },
      rows: [
        { label: '1 March', values: [3] },
        { label: '@x', values: [null] },
      ],
    });
    assert.equal(body, "\ufeffDay,'=A1\r\n1 March,3\r\n'@x,\r\n");
    assert.equal(headers['Content-Disposition'], 'attachment; filename="days-of-x.csv"');
  });
});
