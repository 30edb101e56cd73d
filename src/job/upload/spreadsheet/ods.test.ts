import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { notInXml, odsOf, odsParts, zip } from '../../../../test/support/workbooks.ts';
import { openWorkbook } from './workbook.ts';

async function recordsOf(bytes: Buffer): Promise<string[][]> {
  const outcome = await openWorkbook(bytes);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem);
  const records: string[][] = [];
  for await (const record of outcome.workbook.records()) records.push([...record]);
  return records;
}

async function problemOf(bytes: Buffer): Promise<string | null> {
  const outcome = await openWorkbook(bytes);
  return outcome.ok ? null : outcome.problem;
}

const ods = (spreadsheet: string) => zip(odsParts(spreadsheet));
const table = (...rows: readonly string[]) =>
  `<table:table>${rows.map((cells) => `<table:table-row>${cells}</table:table-row>`).join('')}</table:table>`;
const cell = (text: string, attributes = '') =>
  `<table:table-cell office:value-type="string" ${attributes}><text:p>${text}</text:p></table:table-cell>`;
const covered = (attributes = '') => `<table:covered-table-cell ${attributes}/>`;
const typed = (type: string, attributes: string, shown = '') =>
  `<table:table-cell office:value-type="${type}" calcext:value-type="error" ${attributes}>${shown && `<text:p>${shown}</text:p>`}</table:table-cell>`;

describe('a cell of an ODS file is read as a person reads it', () => {
  const cases: [promise: string, cell: string, text: string][] = [
    ['an integer', typed('float', 'office:value="7700900123"', '7,700,900,123'), '7700900123'],
    ['a fraction', typed('float', 'office:value="0.30000000000000004"', '0'), '0.3'],
    ['a code with zeros in front', typed('float', 'office:value="7"', '0007'), '0007'],
    [
      'a phone number with zeros and spaces',
      typed('float', 'office:value="7700900123"', '07700 900123'),
      '07700900123',
    ],
    ['a date that is stored as a number', typed('float', 'office:value="45322"', '01/02/2024'), '45322'],
    [
      'a number of more than 15 digits',
      typed('float', 'office:value="4.4770090012345E+17"', '4.5E+17'),
      '4.4770090012345E+17',
    ],
    ['an amount', typed('currency', 'office:currency="GBP" office:value="1234.5"', '£1,234.50'), '1234.5'],
    ['a percentage', typed('percentage', 'office:value="0.125"', '12.50%'), '12.50%'],
    ['a percentage that nothing shows', typed('percentage', 'office:value="0.125"'), '12.5%'],
    ['a date', typed('date', 'office:date-value="2024-01-31"', '31/01/24'), '2024-01-31'],
    [
      'a date at midnight',
      typed('date', 'office:date-value="2024-01-31T00:00:00"', '31/01/24'),
      '2024-01-31',
    ],
    [
      'a date and time',
      typed('date', 'office:date-value="2024-01-31T10:20:30.5"', '31/01/24'),
      '2024-01-31 10:20:30',
    ],
    ['a time', typed('time', 'office:time-value="PT10H30M00S"', '10:30'), '10:30:00'],
    ['a duration', typed('time', 'office:time-value="PT36H00M05.5S"', '36:00'), '36:00:05'],
    ['yes', typed('boolean', 'office:boolean-value="true"', 'WAHR'), 'TRUE'],
    ['no', typed('boolean', 'office:boolean-value="false"', 'FALSCH'), 'FALSE'],
    ['an error', typed('string', 'office:string-value="" table:formula="of:=NA()"', '#N/A'), '#N/A'],
    ['a text that nothing shows', typed('string', 'office:string-value="a"'), 'a'],
    [
      'a text in parts',
      cell('a <text:span>b<text:a>c</text:a></text:span> <text:span>d</text:span>'),
      'a bc d',
    ],
    ['paragraphs', cell('a</text:p><text:p/><text:p>b'), 'a\n\nb'],
    [
      'spaces, tabs and line breaks',
      cell('a<text:s text:c="3"/>b<text:s/><text:tab/>c<text:line-break/>d'),
      'a   b \tc\nd',
    ],
    ['without the line breaks of the document', cell('\n  a\n  b <text:span> c</text:span>\n'), ' a b  c '],
    [
      'without what says how it is pronounced',
      cell(
        '<text:ruby><text:ruby-base>東京</text:ruby-base><text:ruby-text>とうきょう</text:ruby-text></text:ruby>',
      ),
      '東京',
    ],
    [
      'without comments',
      cell('a').replace(
        '<text:p>',
        '<office:annotation><text:p>comment</text:p></office:annotation><text:p>',
      ),
      'a',
    ],
    [
      'without shapes and notes',
      cell(
        'a<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame><text:note><text:p>note</text:p></text:note>b',
      ),
      'ab',
    ],
  ];
  for (const [promise, content, text] of cases)
    test(promise, async () => {
      const [, record] = await recordsOf(ods(table(cell('a') + cell('b'), content + cell('end'))));
      assert.deepEqual(record, [text, 'end']);
    });
});

describe('the records of an ODS file', () => {
  const cases: [promise: string, spreadsheet: string, records: string[][]][] = [
    [
      'are those of the first sheet, even if it is hidden',
      `<table:tracked-changes><table:table-cell><text:p>old</text:p></table:table-cell></table:tracked-changes>${table(cell('a')).replace('<table:table>', '<table:table table:style-name="hidden">')}${table(cell('b'))}`,
      [['a']],
    ],
    [
      'have hidden rows and columns',
      table(cell('a') + cell('b'), cell('x') + cell('y'))
        .replace('<table:table>', '<table:table><table:table-column table:visibility="collapse"/>')
        .replaceAll('<table:table-row>', '<table:table-row table:visibility="filter">'),
      [
        ['a', 'b'],
        ['x', 'y'],
      ],
    ],
    [
      'have grouped rows',
      table(cell('a'), cell('b'), cell('c'))
        .replace('<table:table-row>', '<table:table-header-rows><table:table-row>')
        .replace('</table:table-row>', '</table:table-row></table:table-header-rows><table:table-row-group>')
        .replace('</table:table>', '</table:table-row-group></table:table>'),
      [['a'], ['b'], ['c']],
    ],
    [
      'repeat cells and rows as often as the file says',
      table(
        cell('a') +
          cell('b', 'table:number-columns-repeated="2"') +
          '<table:table-cell table:number-columns-repeated="16381"/>',
        `<table:table-cell table:number-columns-repeated="2"/>${cell('x')}`,
      ).replace(
        /<table:table-row>(?=<table:table-cell t)/,
        '<table:table-row table:number-rows-repeated="2">',
      ),
      [
        ['a', 'b', 'b'],
        ['', '', 'x'],
        ['', '', 'x'],
      ],
    ],
    [
      'have empty rows between others, but not before and after them',
      table('<table:table-cell/>', cell('a'), '', cell('b'), '<table:table-cell/>')
        .replace('<table:table-row></', '<table:table-row table:number-rows-repeated="2"></')
        .replace(
          /<table:table-row>(?=<table:table-cell\/><\/table:table-row><\/)/,
          '<table:table-row table:number-rows-repeated="1048570">',
        ),
      [['a'], [], [], ['b']],
    ],
    [
      'repeat the value of a merged range in all its cells',
      table(
        cell('a') + cell('b') + cell('c'),
        cell('x', 'table:number-columns-spanned="2" table:number-rows-spanned="2"') + covered() + cell('1'),
        covered('table:number-columns-repeated="2"') + cell('2'),
        `${cell('y')}<table:covered-table-cell><text:p>alone</text:p></table:covered-table-cell>`,
      ),
      [
        ['a', 'b', 'c'],
        ['x', 'x', '1'],
        ['x', 'x', '2'],
        ['y', 'alone'],
      ],
    ],
    [
      'repeat it in rows that are written as one',
      table(cell('a'), cell('x', 'table:number-rows-spanned="3"'), covered()).replace(
        '<table:table-row><table:covered',
        '<table:table-row table:number-rows-repeated="2"><table:covered',
      ),
      [['a'], ['x'], ['x'], ['x']],
    ],
    ['are none in an empty sheet', '<table:table/>', []],
  ];
  for (const [promise, spreadsheet, records] of cases)
    test(promise, async () => assert.deepEqual(await recordsOf(ods(spreadsheet)), records));

  test('are what was written, whatever the texts', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 }).map((value) => value.replace(notInXml, ''));
    const written = fc.array(fc.array(fc.oneof(text, fc.constant('')), { maxLength: 8 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(written, async (rows) => {
        const trimmed = rows.map((row) =>
          row.slice(0, row.findLastIndex((value) => value.trim() !== '') + 1),
        );
        const first = trimmed.findIndex((row) => row.length > 0);
        const last = trimmed.findLastIndex((row) => row.length > 0);
        assert.deepEqual(await recordsOf(odsOf(rows)), first === -1 ? [] : trimmed.slice(first, last + 1));
      }),
      { numRuns: 100 },
    );
  });
});

describe('an ODS file is refused', () => {
  const manifest =
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>';
  const repeated = (rows: number) =>
    table(cell('a'), cell('b')).replace(
      /(.*)<table:table-row>/,
      `$1<table:table-row table:number-rows-repeated="${rows}">`,
    );
  const cases: [promise: string, bytes: Buffer, problem: string | null][] = [
    [
      'if it is a text document',
      zip({ 'content.xml': odsParts('')['content.xml']!.replaceAll('office:spreadsheet', 'office:text') }),
      'not-a-workbook',
    ],
    ['without a sheet', ods(''), 'not-a-workbook'],
    [
      'without content',
      zip({ mimetype: 'application/vnd.oasis.opendocument.spreadsheet' }),
      'not-a-workbook',
    ],
    [
      'with a document type',
      zip({
        'content.xml': `<!DOCTYPE a>${odsParts(table(cell('a')))['content.xml']!.replace(/^<\?.*\n/, '')}`,
      }),
      'not-a-workbook',
    ],
    [
      'with a password',
      zip({ ...odsParts(''), 'content.xml': 'noise', 'META-INF/manifest.xml': manifest }),
      'encrypted',
    ],
    ['with a value in 200,000 rows after the header', ods(repeated(200_000)), 'too-many-rows'],
    ['not with one in 199,999', ods(repeated(199_999)), null],
    ['with a value in a million rows', ods(repeated(1_048_575)), 'too-many-rows'],
    ['with 1,001 headers', ods(table(cell('a', 'table:number-columns-repeated="1001"'))), 'too-many-columns'],
    [
      'with numbers of cells beyond reason',
      ods(table(cell('a', `table:number-columns-repeated="${'9'.repeat(400)}"`))),
      'too-many-columns',
    ],
    [
      'with too many spaces',
      ods(table(cell('a'), cell('<text:s text:c="65536"/>'.repeat(50)) + cell('b'))),
      'cell-too-long',
    ],
  ];
  for (const [promise, bytes, problem] of cases)
    test(promise, async () => assert.equal(await problemOf(bytes), problem));
});
