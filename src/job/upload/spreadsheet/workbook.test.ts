import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import {
  hugePart,
  odsOf,
  odsParts,
  type PackedPart,
  xlsxOf,
  xlsxParts,
  zip,
} from '../../../../test/support/workbooks.ts';
import { type WorkbookProblem, workbookProblemText } from './refusal.ts';
import { openWorkbook } from './workbook.ts';

async function opened(bytes: Buffer) {
  const outcome = await openWorkbook(bytes);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem);
  return outcome.workbook;
}

async function all<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const found: Value[] = [];
  for await (const value of values) found.push(value);
  return found;
}

const table = [
  ['phone number', 'name', ''],
  ['07700900001', 'Zoë'],
  ['', '', '', 'x'],
  ['07700900002', ''],
];
const records = [['phone number', 'name'], ['07700900001', 'Zoë'], ['', '', '', 'x'], ['07700900002']];

describe('a workbook', () => {
  for (const [format, bytes] of [
    ['XLSX', xlsxOf(table)],
    ['ODS', odsOf(table)],
  ] as const)
    test(`in ${format} has its header, its size, and its records as often as they are asked for`, async () => {
      const workbook = await opened(bytes);
      assert.deepEqual([workbook.header, workbook.rowCount, workbook.filledWidth], [records[0], 3, 4]);
      const one = workbook.records();
      assert.deepEqual((await one.next()).value, records[0]);
      assert.deepEqual(await all(workbook.records()), records);
      assert.deepEqual(await all(one), records.slice(1));
    });

  test('can be left in the middle', async () => {
    const workbook = await opened(xlsxOf(Array.from({ length: 5_000 }, (_, row) => [`row ${row}`, 'x'])));
    for await (const record of workbook.records()) if (record[0] === 'row 5') break;
    assert.equal((await all(workbook.records())).length, 5_000);
  });

  test('leaves turns to others while it is read', async () => {
    let isOpen = false;
    let turns = 0;
    const opening = openWorkbook(odsOf([['a'], ...Array.from({ length: 20_000 }, () => ['x'])])).then(() => {
      isOpen = true;
    });
    for (; !isOpen; turns += 1) await setImmediate();
    await opening;
    assert.ok(turns > 50, `${turns} turns`);
  });
});

describe('what is no workbook is refused', () => {
  const compound = (stream: string) =>
    Buffer.concat([
      Buffer.from('d0cf11e0a1b11ae1', 'hex'),
      Buffer.alloc(600),
      Buffer.from(stream, 'utf16le'),
    ]);
  const good = xlsxOf(table);
  const having = (name: string, part: PackedPart) =>
    zip({ ...xlsxParts('<sheetData/>'), [`xl/${name}.xml`]: part });
  const start = (content: string) =>
    `${xlsxParts(content)['xl/worksheets/sheet1.xml']!.replace('</worksheet>', '')}`;
  const cases: [promise: string, bytes: Buffer, problem: WorkbookProblem][] = [
    ['no bytes', Buffer.alloc(0), 'not-a-workbook'],
    ['text', Buffer.from('phone number,name\n'), 'not-a-workbook'],
    ['two letters', Buffer.from('PK'), 'not-a-workbook'],
    ['an archive of something else', zip({ 'a.txt': 'a' }), 'not-a-workbook'],
    ['an empty archive', zip({}), 'not-a-workbook'],
    ['a workbook that ends early', good.subarray(0, -30), 'not-a-workbook'],
    ['a workbook that begins late', Buffer.concat([Buffer.from('PK'), good.subarray(200)]), 'not-a-workbook'],
    ['parts outside the archive', zip({ ...xlsxParts(''), '../a': '' }), 'not-a-workbook'],
    ['parts from the root of a disk', zip({ ...xlsxParts(''), '/etc/passwd': '' }), 'not-a-workbook'],
    ['an archive with a password', zip(xlsxParts(''), { flags: 1 }), 'encrypted'],
    [
      'more parts than any workbook has',
      zip(Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`${index}`, '']))),
      'too-long',
    ],
    [
      'a sheet of which the archive hides the size',
      having('worksheets/sheet1', { ...hugePart(start(''), '<sheetData/></worksheet>', 1), size: 9 }),
      'not-a-workbook',
    ],
    [
      'a sheet that is damaged',
      having('worksheets/sheet1', { ...hugePart(start(''), '<sheetData/></worksheet>', 1), checksum: 9 }),
      'not-a-workbook',
    ],
    [
      'a sheet that unpacks to hundreds of megabytes',
      having('worksheets/sheet1', hugePart(start(''), ' '.repeat(1_000_000), 600)),
      'too-long',
    ],
    [
      'texts that unpack to too much',
      having(
        'sharedStrings',
        hugePart(
          xlsxParts('')['xl/sharedStrings.xml']!.replace('</sst>', ''),
          `<si><t>${'a'.repeat(100_000)}</t></si>`,
          700,
        ),
      ),
      'too-long',
    ],
    ['a workbook of Excel 2003', compound('Workbook'), 'legacy-xls'],
    ['a workbook of Excel 95', compound('Book\0\0'), 'legacy-xls'],
    ['a workbook with a password', compound('EncryptedPackage'), 'encrypted'],
    ['a document of Word 2003', compound('WordDocument'), 'not-a-workbook'],
  ];
  for (const [promise, bytes, problem] of cases)
    test(promise, async () => assert.deepEqual(await openWorkbook(bytes), { ok: false, problem }));

  test('a sheet of millions of cells, once time is up', async () => {
    const part = hugePart(start('<sheetData><row hidden="1">'), '<c r="A1"/>'.repeat(50_000), 400);
    const outcome = await openWorkbook(having('worksheets/sheet1', part), 1_000);
    assert.deepEqual(outcome, { ok: false, problem: 'too-long' });
  });

  test('one for which time is up', async () => {
    assert.deepEqual(await openWorkbook(good, -1), { ok: false, problem: 'too-long' });
  });

  test('a cell that is too long is named with its row', async () => {
    const outcome = await openWorkbook(xlsxOf([['a'], [''], ['b'.repeat(131_073)]]));
    assert.deepEqual(outcome, { ok: false, problem: 'cell-too-long', row: 3 });
  });

  test('a workbook with any bytes damaged is refused or read, and never fails otherwise', async () => {
    const files = [good, odsOf(table), zip(xlsxParts('<sheetData/>'), { isStored: true })];
    const damage = fc.tuple(fc.nat(), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(damage, { minLength: 1, maxLength: 6 }),
        fc.nat(),
        async (file, damages, cut) => {
          const bytes = Buffer.from(cut % 4 === 0 ? file.subarray(0, cut % file.length) : file);
          for (const [at, value] of damages) if (bytes.length > 0) bytes[at % bytes.length] = value;
          const outcome = await openWorkbook(bytes);
          if (outcome.ok) for await (const _ of outcome.workbook.records());
        },
      ),
      { numRuns: Number(process.env['RUNS'] ?? 500) },
    );
  });

  test('a workbook with any of its XML damaged is refused or read, and never fails otherwise', async () => {
    const styles =
      '<numFmts><numFmt numFmtId="170" formatCode="d/m/yy"/></numFmts><cellXfs><xf numFmtId="170"/></cellXfs>';
    const strings = '<si><t>a</t></si><si><r><t>b_x000D_</t></r><rPh><t>c</t></rPh></si>';
    const sheet =
      '<sheetFormatPr zeroHeight="0"/><cols><col min="2" max="2" hidden="1"/></cols><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row><row r="3" hidden="0"><c r="A3" s="0"><v>45322.5</v></c><c r="B3" t="inlineStr"><is><t>x</t></is></c></row></sheetData><mergeCells><mergeCell ref="A3:B4"/></mergeCells>';
    const spreadsheet =
      '<table:table><table:table-column/><table:table-row table:number-rows-repeated="1"><table:table-cell office:value-type="string" table:number-columns-repeated="2"><text:p>a<text:s text:c="2"/></text:p></table:table-cell></table:table-row><table:table-row><table:table-cell office:value-type="date" office:date-value="2024-01-31" table:number-columns-spanned="2" table:number-rows-spanned="2"><text:p>b</text:p></table:table-cell><table:covered-table-cell/></table:table-row></table:table>';
    const files: readonly Record<string, string>[] = [
      xlsxParts(sheet, { strings, styles }),
      odsParts(spreadsheet),
    ];
    const token = fc.constantFrom(
      ...[
        '',
        '0',
        '-1',
        '1e9',
        '999999',
        '99999999999999999999',
        'XFD1048576',
        'A1',
        'A1:XFD1048576',
        'NaN',
        '&amp;',
        '&x;',
        '<c>',
        '</c>',
        '<row r="1">',
        '<v>',
        '<t>',
        '</row>',
      ],
      ...[
        '<table:table-row>',
        '</table:table-cell>',
        '<text:p>',
        '</text:p>',
        '<table:table>',
        '<!DOCTYPE a>',
        '<![CDATA[',
        '<!--',
        '\0',
        ' ',
        '"',
        '1',
        'true',
        'hidden="1"',
      ],
    );
    const damage = fc.record({ part: fc.nat(), at: fc.nat(), length: fc.nat(30), token });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        async (file, damages) => {
          const parts = { ...file };
          const names = Object.keys(parts);
          for (const { part, at, length, token } of damages) {
            const name = names[part % names.length]!;
            const text = parts[name]!;
            // Most damage is at a value, where the text stays XML and the reader sees it.
            const values = [...text.matchAll(/"[^"]*"|>[^<]*</g)];
            const value = values[at % values.length];
            const [start, end] =
              value && length > 9
                ? [value.index + 1, value.index + value[0].length - 1]
                : [at % (text.length + 1), (at % (text.length + 1)) + length];
            parts[name] = text.slice(0, start) + token + text.slice(end);
          }
          const outcome = await openWorkbook(zip(parts), 5_000);
          if (outcome.ok) for await (const _ of outcome.workbook.records());
          else assert.ok(workbookProblemText(outcome.problem));
        },
      ),
      { numRuns: Number(process.env['RUNS'] ?? 500) },
    );
  });
});

test('every problem has a sentence for the person', () => {
  const texts: Record<WorkbookProblem, string> = {
    'not-a-workbook': 'Notify cannot read this file - try using a different file type',
    'legacy-xls':
      'Notify cannot read this file because it is in the format of Excel 2003 or earlier – open it in Excel, choose ‘Save As’, and save it as ‘Excel Workbook (*.xlsx)’',
    encrypted:
      'Notify cannot read this file because it is protected with a password – open it, remove the password, and save it again',
    'too-many-columns': 'Your file has too many columns (Notify can process up to 1,000 columns)',
    'too-many-rows': 'Your file has too many rows (Notify can process up to 100,000 rows at once)',
    'too-many-cells': 'Your file has too many cells (Notify can process up to 10,000,000 cells)',
    'cell-too-long':
      'Notify cannot read this file - try using a different file type (row 1,234 has a cell of more than 131,072 characters)',
    'too-long':
      'Your file took too long to process – try again, or remove any sheets, columns or rows that are not needed',
  };
  for (const [problem, text] of Object.entries(texts))
    assert.equal(workbookProblemText(problem as WorkbookProblem, 1234), text);
});
