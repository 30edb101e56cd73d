import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { relationships, xlsxOf, xlsxParts, zip } from '../../../../test/support/workbooks.ts';
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

type Options = Parameters<typeof xlsxParts>[1];
const sheet = (content: string, options?: Options) => zip(xlsxParts(content, options));
const inline = (reference: string, text: string) =>
  `<c r="${reference}" t="inlineStr"><is><t>${text}</t></is></c>`;
const rows = (...lines: readonly string[]) =>
  `<sheetData>${lines.map((cells, index) => `<row r="${index + 1}">${cells}</row>`).join('')}</sheetData>`;

describe('a cell of an XLSX file is read as a person reads it', () => {
  const formats = [
    'dd/mm/yyyy',
    '[$-809]d mmmm yyyy h:mm',
    'h:mm AM/PM',
    '[h]:mm',
    '0.0#%',
    '#,##0.00\\ [$€-2]',
    '0.00E+00',
    '"day" 0',
    '0000',
    '00000\\ 000000',
    '"TRUE";"TRUE";"FALSE"',
    '#,##00.0',
  ];
  const ids = [0, 14, 22, 9, 10, 20, 46, 49];
  const styles = `<numFmts>${formats
    .map(
      (code, index) => `<numFmt numFmtId="${170 + index}" formatCode="${code.replaceAll('"', '&quot;')}"/>`,
    )
    .join('')}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>${[
    ...ids,
    ...formats.map((_, index) => 170 + index),
  ]
    .map((id) => `<xf numFmtId="${id}"/>`)
    .join('')}</cellXfs>`;
  const styled = (id: number | string, value: string) => {
    const position = typeof id === 'number' ? ids.indexOf(id) : ids.length + formats.indexOf(id);
    return `<c r="A2" s="${position}"><v>${value}</v></c>`;
  };
  const strings =
    '<si><t>shared</t></si><si><r><t>rich </t></r><r><rPr><b/></rPr><t xml:space="preserve">text </t></r></si>' +
    '<si><t>東京</t><rPh sb="0" eb="2"><t>トウキョウ</t></rPh><phoneticPr fontId="1"/></si>' +
    '<si><t>a_x000D_\nb_x005F_x000D_c_x0000_d_xD83D__xDE00_</t></si><si/>';
  const cases: [promise: string, cell: string, text: string][] = [
    ['a shared text', '<c r="A2" t="s"><v>0</v></c>', 'shared'],
    ['a rich text', '<c r="A2" t="s"><v>1</v></c>', 'rich text '],
    ['without what says how it is pronounced', '<c r="A2" t="s"><v>2</v></c>', '東京'],
    ['escaped characters', '<c r="A2" t="s"><v>3</v></c>', 'a\r\nb_x000D_cd😀'],
    ['a text in the sheet', inline('A2', 'here &amp; &#65;<![CDATA[<b>]]>'), 'here & A<b>'],
    ['a rich text in the sheet', '<c r="A2" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>', 'ab'],
    [
      'the stored text of a formula',
      '<c r="A2" t="str"><f>A1&amp;"x"</f><v>result_x0009_</v></c>',
      'result\t',
    ],
    ['the stored number of a formula', '<c r="A2"><f>1+1</f><v>2</v></c>', '2'],
    ['a formula that was never worked out', '<c r="A2"><f>1+1</f></c>', ''],
    ['an integer', '<c r="A2"><v>7700900123</v></c>', '7700900123'],
    ['an integer with a point', '<c r="A2"><v>12.0</v></c>', '12'],
    ['an integer with an exponent', '<c r="A2"><v>7.700900123E9</v></c>', '7700900123'],
    ['a fraction', '<c r="A2"><v>0.30000000000000004</v></c>', '0.3'],
    [
      'a number of more than 15 digits',
      '<c r="A2"><v>4.4770090012345679E+17</v></c>',
      '4.4770090012345679E+17',
    ],
    ['a long number', '<c r="A2"><v>1234567890123450</v></c>', '1234567890123450'],
    ['a tiny number', '<c r="A2"><v>1E-10</v></c>', '1E-10'],
    ['a number as text', styled(49, '447700900123'), '447700900123'],
    ['an amount', styled('#,##0.00\\ [$€-2]', '1234.5'), '1234.5'],
    ['a scientific format', styled('0.00E+00', '1234.5'), '1234.5'],
    ['a format with a quoted text', styled('"day" 0', '3'), '3'],
    ['a code with zeros in front', styled('0000', '7'), '0007'],
    ['a code that needs none', styled('0000', '12345'), '12345'],
    ['a phone number with zeros and spaces', styled('00000\\ 000000', '7700900123'), '07700900123'],
    ['a fraction in a format with zeros', styled('0000', '1.5'), '1.5'],
    ['what is below zero in a format with zeros', styled('0000', '-7'), '-7'],
    ['an amount with zeros', styled('#,##00.0', '7'), '7'],
    ['yes, as a number', styled('"TRUE";"TRUE";"FALSE"', '1'), 'TRUE'],
    ['no, as a number', styled('"TRUE";"TRUE";"FALSE"', '0'), 'FALSE'],
    ['a date', styled(14, '45322'), '2024-01-31 00:00:00'],
    ['a date and time', styled(22, '45322.430555555555'), '2024-01-31 10:20:00'],
    ['a date in a format of its own', styled('dd/mm/yyyy', '45322'), '2024-01-31 00:00:00'],
    ['a long date', styled('[$-809]d mmmm yyyy h:mm', '45322.5'), '2024-01-31 12:00:00'],
    ['the second before midnight', styled(22, '45321.99998842592'), '2024-01-30 23:59:59'],
    ['a moment just before midnight', styled(22, '45321.999999999'), '2024-01-31 00:00:00'],
    ['the first day', styled(14, '1'), '1900-01-01 00:00:00'],
    ['the day after the one that never was', styled(14, '61'), '1900-03-01 00:00:00'],
    ['the last day', styled(14, '2958465'), '9999-12-31 00:00:00'],
    ['what is too late for a date', styled(14, '2958466'), '2958466'],
    ['what is too early for a date', styled(14, '-1'), '-1'],
    ['a date in ISO 8601', '<c r="A2" t="d"><v>2024-01-31T10:20:30Z</v></c>', '2024-01-31 10:20:30'],
    ['a day in ISO 8601', '<c r="A2" t="d"><v>2024-01-31</v></c>', '2024-01-31 00:00:00'],
    ['a time', styled(20, '0.4375'), '10:30:00'],
    ['a time in a format of its own', styled('h:mm AM/PM', '0.4375'), '10:30:00'],
    ['a duration', styled('[h]:mm', '1.5'), '36:00:00'],
    ['another duration', styled(46, '0.5'), '12:00:00'],
    ['a percentage', styled(9, '0.5'), '50%'],
    ['a percentage with two digits', styled(10, '0.125'), '12.50%'],
    ['a percentage with up to two digits', styled('0.0#%', '0.07'), '7.0%'],
    ['a percentage of which binary fractions make noise', styled(9, '0.57'), '57%'],
    ['yes', '<c r="A2" t="b"><v>1</v></c>', 'TRUE'],
    ['no', '<c r="A2" t="b"><v>0</v></c>', 'FALSE'],
    ['an error', '<c r="A2" t="e"><v>#N/A</v></c>', '#N/A'],
    ['an empty shared text', '<c r="A2" t="s"><v>4</v></c>', ''],
    ['a style that is not there', '<c r="A2" s="999"><v>5</v></c>', '5'],
    ['what is no number', '<c r="A2"><v>1,5</v></c>', '1,5'],
  ];
  for (const [promise, cell, text] of cases)
    test(promise, async () => {
      const [, record] = await recordsOf(
        sheet(rows(inline('A1', 'a') + inline('B1', 'b'), cell + inline('B2', 'end')), { strings, styles }),
      );
      assert.deepEqual(record, [text, 'end']);
    });

  test('days count from 1904 if the workbook says so', async () => {
    const options = { styles, workbook: '<workbookPr date1904="1"/>' };
    const read = async (cell: string) => (await recordsOf(sheet(rows(inline('A1', 'a'), cell), options)))[1];
    assert.deepEqual(await read(styled(14, '43860')), ['2024-01-31 00:00:00']);
    assert.deepEqual(await read(styled(14, '0')), ['1904-01-01 00:00:00']);
  });
});

describe('the records of an XLSX file', () => {
  const ab = inline('A1', 'a') + inline('B1', 'b');
  const cases: [promise: string, content: string, records: string[][]][] = [
    [
      'leave out hidden rows, also the first',
      `<sheetData><row r="1" hidden="1">${inline('A1', 'x')}</row><row r="2">${inline('A2', 'a')}</row><row r="3" hidden="true">${inline('A3', 'x')}</row><row r="4" hidden="0">${inline('A4', 'b')}</row></sheetData>`,
      [['a'], ['b']],
    ],
    [
      'leave out rows that are not listed if these are hidden',
      `<sheetFormatPr zeroHeight="1"/><sheetData><row r="1">${inline('A1', 'a')}</row><row r="5">${inline('A5', 'b')}</row></sheetData>`,
      [['a'], ['b']],
    ],
    [
      'leave out hidden columns',
      `<cols><col min="1" max="1" hidden="1"/><col min="2" max="2" width="9"/><col min="3" max="16384" hidden="1"/></cols>${rows(`${ab}${inline('C1', 'c')}`, inline('A2', 'x') + inline('B2', 'y'))}`,
      [['b'], ['y']],
    ],
    [
      'are none if all columns are hidden',
      `<cols><col min="1" max="16384" hidden="1"/></cols>${rows(ab)}`,
      [],
    ],
    ['are none in an empty sheet', '<sheetData/>', []],
    [
      'have empty rows between others, but not before and after them',
      rows('', '<c r="A2" s="1"/>', inline('A3', 'a'), '', inline('A5', 'b'), inline('A6', ' '), ''),
      [['a'], [], ['b']],
    ],
    [
      'have the rows and cells that a sheet does not list as empty',
      `<sheetData><row r="3">${inline('B3', 'a')}</row><row r="5">${inline('D5', 'b')}</row></sheetData>`,
      [['', 'a'], [], ['', '', '', 'b']],
    ],
    [
      'follow the order of rows and cells if these do not say where they are',
      '<sheetData><row><c t="str"><v>a</v></c><c t="str"><v>b</v></c></row><row><c/><c><v>1</v></c></row></sheetData>',
      [
        ['a', 'b'],
        ['', '1'],
      ],
    ],
    [
      'have cells in their columns, whatever their order; of two for one place the last',
      rows(ab, inline('B2', 'y') + inline('A2', 'x') + inline('B2', 'z')),
      [
        ['a', 'b'],
        ['x', 'z'],
      ],
    ],
    [
      'repeat the value of a merged range in all its cells',
      `${rows(ab, inline('A2', 'x') + inline('B2', 'hidden'), '', inline('A4', 'y'))}<mergeCells><mergeCell ref="A2:C3"/></mergeCells>`,
      [['a', 'b'], ['x', 'x', 'x'], ['x', 'x', 'x'], ['y']],
    ],
    [
      'repeat it in rows that the sheet does not list, and after the last',
      `<sheetData><row r="1">${ab}</row><row r="2">${inline('B2', 'x')}</row><row r="4">${inline('A4', 'y')}</row></sheetData><mergeCells count="1"><mergeCell ref="B2:B6"/></mergeCells>`,
      [
        ['a', 'b'],
        ['', 'x'],
        ['', 'x'],
        ['y', 'x'],
        ['', 'x'],
        ['', 'x'],
      ],
    ],
    [
      'repeat it although its first cell is in a hidden row and column',
      `<cols><col min="1" max="1" hidden="1"/></cols><sheetData><row r="1">${ab}</row><row r="2" hidden="1">${inline('A2', 'x')}</row><row r="3">${inline('C3', 'y')}</row></sheetData><mergeCells><mergeCell ref="A2:B3"/></mergeCells>`,
      [['b'], ['x', 'y']],
    ],
    [
      'repeat the value of a header',
      `${rows(inline('A1', 'a'), inline('B2', 'x'))}<mergeCells><mergeCell ref="A1:B1"/></mergeCells>`,
      [
        ['a', 'a'],
        ['', 'x'],
      ],
    ],
    [
      'empty the cells of a merged range whose first cell is empty',
      `<sheetData><row r="1">${ab}</row><row r="3">${inline('A3', 'x') + inline('B3', 'y')}</row></sheetData><mergeCells><mergeCell ref="A2:A3"/></mergeCells>`,
      [['a', 'b'], [], ['', 'y']],
    ],
    [
      'read 50 columns if fewer have a header, and nothing beyond',
      rows(ab, inline('AX2', 'x') + inline('AY2', 'y'), inline('XFD3', 'z'), inline('A4', 'end')),
      [['a', 'b'], [...Array(49).fill(''), 'x'], [], ['end']],
    ],
    [
      'read as many columns as have a header if these are more',
      rows(inline('AZ1', 'a'), inline('AZ2', 'x') + inline('BA2', 'y')),
      [
        [...Array(51).fill(''), 'a'],
        [...Array(51).fill(''), 'x'],
      ],
    ],
    [
      'leave out what is not part of a cell',
      `${rows(`${ab.replace('</is>', '</is><extLst><ext><v>9</v></ext></extLst>')}<x:c xmlns:x="urn:other"><x:v>7</x:v></x:c>`)}<extLst><sheetData><row><c><v>1</v></c></row></sheetData></extLst>`,
      [['a', 'b']],
    ],
  ];
  for (const [promise, content, records] of cases)
    test(promise, async () => assert.deepEqual(await recordsOf(sheet(content)), records));

  test('are those of the first sheet that is not hidden', async () => {
    const parts = xlsxParts('');
    const named = (name: string) =>
      parts['xl/worksheets/sheet1.xml']!.replace('></', `>${rows(inline('A1', name))}</`);
    const found = await recordsOf(
      zip({
        ...parts,
        'xl/workbook.xml': parts['xl/workbook.xml']!.replace(
          /<sheets>.*<\/sheets>/,
          '<sheets><sheet name="a" state="hidden" r:id="rId1"/><sheet name="b" state="veryHidden" r:id="rId2"/><sheet name="chart" r:id="rId3"/><sheet name="c" state="visible" r:id="rId4"/></sheets>',
        ),
        'xl/_rels/workbook.xml.rels': relationships(
          ['worksheet', 'worksheets/sheet1.xml'],
          ['worksheet', 'worksheets/sheet2.xml'],
          ['chartsheet', 'chartsheets/sheet1.xml'],
          ['worksheet', '/xl/worksheets/../Worksheets/sheet3.xml'],
        ),
        'xl/worksheets/sheet1.xml': named('one'),
        'xl/worksheets/sheet2.xml': named('two'),
        'xl/worksheets/sheet3.xml': named('three'),
      }),
    );
    assert.deepEqual(found, [['three']]);
  });

  test('are the same in strict Office Open XML, with prefixes and in UTF-16', async () => {
    const strict = Object.entries(
      xlsxParts(rows(ab, '<c r="A2" t="s"><v>0</v></c>'), { strings: '<si><t>ß</t></si>' }),
    ).map(([name, text]) => {
      const renamed = text
        .replaceAll(
          'http://schemas.openxmlformats.org/spreadsheetml/2006/main',
          'http://purl.oclc.org/ooxml/spreadsheetml/main',
        )
        .replaceAll(
          'http://schemas.openxmlformats.org/officeDocument/2006/relationships',
          'http://purl.oclc.org/ooxml/officeDocument/relationships',
        );
      if (!name.startsWith('xl/') || name.includes('_rels')) return [name, renamed];
      const prefixed = renamed
        .replace(/<(\/?)(\w)/g, '<$1x:$2')
        .replace('xmlns=', 'xmlns:x=')
        .replace('UTF-8', 'UTF-16');
      return [name, Buffer.from(`\uFEFF${prefixed}`, 'utf16le')];
    });
    assert.deepEqual(await recordsOf(zip(Object.fromEntries(strict))), [['a', 'b'], ['ß']]);
  });

  test('are the same whether the parts are compressed or not', async () => {
    assert.deepEqual(await recordsOf(zip(xlsxParts(rows(ab)), { isStored: true })), [['a', 'b']]);
  });

  test('are what was written, whatever the texts', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !value.includes('\0'));
    const table = fc.array(fc.array(fc.oneof(text, fc.constant('')), { maxLength: 8 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(table, async (written) => {
        const isBlank = (value: string) => value.trim() === '';
        const trimmed = written.map((row) => row.slice(0, row.findLastIndex((value) => !isBlank(value)) + 1));
        const first = trimmed.findIndex((row) => row.length > 0);
        const last = trimmed.findLastIndex((row) => row.length > 0);
        assert.deepEqual(
          await recordsOf(xlsxOf(written)),
          first === -1 ? [] : trimmed.slice(first, last + 1),
        );
      }),
      { numRuns: 100 },
    );
  });
});

describe('an XLSX file is refused', () => {
  const good = xlsxParts(rows(inline('A1', 'a')));
  const without = (...names: string[]) =>
    zip(Object.fromEntries(Object.entries(good).filter(([name]) => !names.includes(name))));
  const having = (parts: Record<string, string>) => zip({ ...good, ...parts });
  const unreadable: [promise: string, bytes: Buffer][] = [
    ['without its main part', without('xl/workbook.xml')],
    ['without its sheet', without('xl/worksheets/sheet1.xml')],
    ['without the relationships of its main part', without('xl/_rels/workbook.xml.rels')],
    ['without the shared texts that it names', without('xl/sharedStrings.xml')],
    ['whose main part is not named', having({ '_rels/.rels': relationships(['image', 'xl/workbook.xml']) })],
    [
      'whose relationships lead outside',
      having({ '_rels/.rels': relationships(['officeDocument', '../../etc/passwd']) }),
    ],
    [
      'whose sheet is elsewhere on the network',
      having({
        'xl/_rels/workbook.xml.rels': good['xl/_rels/workbook.xml.rels']!.replace(
          '/>',
          ' TargetMode="External"/>',
        ),
      }),
    ],
    [
      'whose sheets are all hidden',
      having({ 'xl/workbook.xml': good['xl/workbook.xml']!.replace('<sheet ', '<sheet state="hidden" ') }),
    ],
    ['whose sheet is something else', having({ 'xl/worksheets/sheet1.xml': '<html/>' })],
    [
      'whose sheet ends early',
      having({ 'xl/worksheets/sheet1.xml': good['xl/worksheets/sheet1.xml']!.slice(0, -60) }),
    ],
    ['whose sheet is empty', having({ 'xl/worksheets/sheet1.xml': '' })],
    [
      'that defines entities',
      having({
        'xl/sharedStrings.xml':
          '<!DOCTYPE sst [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>&b;</t></si></sst>',
      }),
    ],
    ['that uses an entity without defining it', sheet(rows(inline('A1', '&a;')))],
    [
      'with a shared text that is not there',
      sheet(rows('<c r="A1" t="s"><v>3</v></c>'), { strings: '<si/>' }),
    ],
    [
      'with a shared text that is no number',
      sheet(rows('<c r="A1" t="s"><v>-1</v></c>'), { strings: '<si/>' }),
    ],
    [
      'with rows out of order',
      sheet(`<sheetData><row r="2">${inline('A2', 'a')}</row><row r="1"/></sheetData>`),
    ],
    ['with a row twice', sheet('<sheetData><row r="2"/><row r="2"/></sheetData>')],
    ['with a row beyond the last', sheet('<sheetData><row r="1048577"/></sheetData>')],
    ['with a column beyond the last', sheet(rows(inline('XFE1', 'a')))],
    ['with a column of many letters', sheet(rows(inline('AAAAAAAA1', 'a')))],
    ['with a place that is none', sheet(rows(inline('1A', 'a')))],
    [
      'with a merged range that is none',
      sheet(`${rows(inline('A1', 'a'))}<mergeCells><mergeCell ref="A1:XFE9"/></mergeCells>`),
    ],
    [
      'with elements inside each other without end',
      sheet(`<sheetData>${'<row>'.repeat(300)}${'</row>'.repeat(300)}</sheetData>`),
    ],
    ['with an element of megabytes', sheet(`<sheetData x="${'a'.repeat(5_000_000)}"/>`)],
    [
      'that is not UTF-8',
      zip({
        ...good,
        'xl/worksheets/sheet1.xml': Buffer.from(
          good['xl/worksheets/sheet1.xml']!.replace('>a<', '>\xe9<'),
          'latin1',
        ),
      }),
    ],
  ];
  for (const [promise, bytes] of unreadable)
    test(promise, async () => assert.equal(await problemOf(bytes), 'not-a-workbook'));

  const tooMuch: [promise: string, bytes: Buffer, problem: string | null][] = [
    ['with a header in column 1,001', sheet(rows(inline('ALM1', 'a'))), 'too-many-columns'],
    ['not with one in column 1,000', sheet(rows(inline('ALL1', 'a'))), null],
    ['with a header in the last column', sheet(rows(inline('XFD1', 'a'))), 'too-many-columns'],
    [
      'with a value in the last row',
      sheet(
        `<sheetData><row r="1">${inline('A1', 'a')}</row><row r="1048576">${inline('A1048576', 'b')}</row></sheetData>`,
      ),
      'too-many-rows',
    ],
    [
      'not with an empty one in the last place',
      sheet(
        `<sheetData><row r="1">${inline('A1', 'a')}</row><row r="1048576">${inline('XFD1048576', 'b')}</row></sheetData>`,
      ),
      null,
    ],
    [
      'with a value merged over a whole column',
      sheet(`${rows(inline('A1', 'a'))}<mergeCells><mergeCell ref="A1:A1048576"/></mergeCells>`),
      'too-many-rows',
    ],
    [
      'with a value merged over a million cells',
      sheet(
        `${rows(inline('ALL1', 'a'), inline('A2', 'b'))}<mergeCells><mergeCell ref="A2:ALL20000"/></mergeCells>`,
      ),
      'too-many-cells',
    ],
    [
      'with a long value merged over many cells',
      sheet(
        `${rows(inline('A1', 'a'), inline('A2', 'b'.repeat(100_000)))}<mergeCells><mergeCell ref="A2:A2000"/></mergeCells>`,
      ),
      'too-long',
    ],
    [
      'with a cell of more than 131,072 characters',
      sheet(rows(inline('A1', 'a'), inline('A2', 'b'.repeat(131_073)))),
      'cell-too-long',
    ],
    ['not with a cell of so many', sheet(rows(inline('A1', 'a'), inline('A2', 'b'.repeat(131_072)))), null],
  ];
  for (const [promise, bytes, problem] of tooMuch)
    test(promise, async () => assert.equal(await problemOf(bytes), problem));
});
