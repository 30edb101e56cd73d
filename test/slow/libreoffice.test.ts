/** Files that LibreOffice Calc writes, from the upload to what was sent (spec 03, section 4). */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  ann,
  both,
  encoding,
  type FileChecks,
  header,
  markup,
  openFileChecks,
  type Sent,
  zoe,
} from '../support/file-checks.ts';
import { type LibreOffice, lacksLibreOffice, openLibreOffice } from '../support/libreoffice.ts';

/** Flat OpenDocument XML of one or more sheets. */
const flat = (sheets: string, styles = '') =>
  `<?xml version="1.0" encoding="UTF-8"?>
<office:document ${[
    'office',
    'style',
    'text',
    'table',
    ['number', 'datastyle'],
    ['fo', 'xsl-fo-compatible'],
    ['of', 'of'],
  ]
    .map((name) => (typeof name === 'string' ? [name, name] : name))
    .map(
      ([prefix, name]) =>
        `xmlns:${prefix}="urn:oasis:names:tc:opendocument:xmlns:${name}:${name === 'of' ? '1.2' : '1.0'}"`,
    )
    .join(
      ' ',
    )} office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.spreadsheet"><office:automatic-styles>${styles}</office:automatic-styles><office:body><office:spreadsheet>${sheets}</office:spreadsheet></office:body></office:document>`;
const cell = (content: string, attributes = 'office:value-type="string"') =>
  `<table:table-cell ${attributes}>${content}</table:table-cell>`;
const text = (value: string) =>
  cell(
    value
      .split('\n')
      .map((line) => `<text:p>${line.replace(/[&<]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</text:p>`)
      .join(''),
  );
const typed = (type: string, value: string, style = '', formula = '') =>
  cell(
    '',
    `office:value-type="${type}" office:${type === 'float' || type === 'percentage' || type === 'currency' ? '' : `${type}-`}value="${value}"${style && ` table:style-name="${style}"`}${formula && ` table:formula="of:${formula}"`}`,
  );
const row = (cells: readonly string[], attributes = '') =>
  `<table:table-row ${attributes}>${cells.join('')}</table:table-row>`;
const table = (name: string, rows: readonly string[], attributes = '') =>
  `<table:table table:name="${name}" ${attributes}>${rows.join('')}</table:table>`;

const part = (name: string, digits: number) =>
  `<number:${name} number:style="${digits > 1 ? 'long' : 'short'}"/>`;
const slash = '<number:text>/</number:text>';
const colon = '<number:text>:</number:text>';
const amount = (attributes: string) => `<number:number ${attributes} number:min-decimal-places="0"/>`;
const formats: Readonly<Record<string, readonly [kind: string, content: string]>> = {
  day: ['date', part('day', 2) + slash + part('month', 2) + slash + part('year', 2)],
  clock: ['time', part('hours', 2) + colon + part('minutes', 2)],
  truth: ['boolean', '<number:boolean/>'],
  share: [
    'percentage',
    `${amount('number:decimal-places="1" number:min-integer-digits="1"')}<number:text>%</number:text>`,
  ],
  money: [
    'currency',
    `<number:currency-symbol number:language="en" number:country="GB">£</number:currency-symbol>${amount('number:decimal-places="2" number:min-integer-digits="1" number:grouping="true"')}`,
  ],
  code: ['number', amount('number:decimal-places="0" number:min-integer-digits="4"')],
  phone: ['number', amount('number:decimal-places="0" number:min-integer-digits="11"')],
};
const styles =
  Object.entries(formats)
    .map(
      ([name, [kind, content]]) =>
        `<number:${kind}-style style:name="n${name}">${content}</number:${kind}-style><style:style style:name="${name}" style:family="table-cell" style:data-style-name="n${name}"/>`,
    )
    .join('') +
  '<style:style style:name="red" style:family="table-cell"><style:table-cell-properties fo:background-color="#ff0000"/></style:style>' +
  '<style:style style:name="bold" style:family="text"><style:text-properties fo:font-weight="bold"/></style:style>';

const long = 'ß'.repeat(32_000);
/** Each is a name in a row of its own: how it is stored, and how it is sent from XLSX, ODS and CSV. */
const values: readonly [stored: string, xlsx: string, ods?: string, csv?: string][] = [
  [text('Zoë “O’Neill”, Ltd; 日本 😀 ł'), 'Zoë “O’Neill”, Ltd; 日本 😀 ł'],
  [text('line one\nline two'), 'line one\nline two'],
  [cell('<text:p>a <text:span text:style-name="bold">bold</text:span> word</text:p>'), 'a bold word'],
  [text('=1+1'), '=1+1'],
  [text('0012'), '0012'],
  [typed('float', '7', 'code'), '0007'],
  [typed('float', '0.3'), '0.3'],
  [typed('date', '2024-01-31', 'day'), '2024-01-31 00:00:00', '2024-01-31', '31/01/2024'],
  [typed('time', 'PT10H30M00S', 'clock'), '10:30:00', '10:30:00', '10:30'],
  [typed('boolean', 'true', 'truth'), 'TRUE'],
  [typed('percentage', '0.125', 'share'), '12.5%'],
  [typed('currency', '1234.5', 'money'), '1234.5', '1234.5', '£1,234.5'],
  [typed('float', '0', '', '=1+2'), '3'],
  [typed('float', '0', '', '=1=2'), 'FALSE'],
  [typed('float', '0', '', '=1/0'), '#DIV/0!'],
  [typed('float', '0', '', '=NA()'), '#N/A'],
];
const phoneOf = (index: number) => `079009001${String(index).padStart(2, '0')}`;
const head = row(header.split(',').map(text));
const hard = flat(
  table('All', [
    head,
    ...values.map(([stored], index) => row([text(phoneOf(index)), stored, text('x')])),
    row([typed('float', '7900900190'), text('a number'), text('x')]),
    row([typed('float', '7900900191', 'phone'), text('with zeros'), text('x')]),
    row([typed('float', '447900900192'), text('abroad'), text('x')]),
    row([text('+447900900193'), text('with a plus'), text('x')]),
    row([
      text('07900900194'),
      cell('<text:p>merged</text:p>', 'office:value-type="string" table:number-rows-spanned="2"'),
      text('x'),
    ]),
    row([text('07900900195'), '<table:covered-table-cell/>', text('x')]),
    row([text('07900900196'), text('alike'), text('x')], 'table:number-rows-repeated="2"'),
    // Rows and columns that somebody coloured far below the last one.
    row(
      [`<table:table-cell table:style-name="red" table:number-columns-repeated="300"/>`],
      'table:number-rows-repeated="60000"',
    ),
  ]) + table('Other', [row([text('not sent')])]),
  styles,
);
const sentFrom = (format: 'xlsx' | 'ods' | 'csv'): Sent => [
  ...values.map(([, xlsx, ods = xlsx, csv = ods], index): Sent[number] => [
    phoneOf(index),
    { xlsx, ods, csv }[format],
    'x',
  ]),
  ['7900900190', 'a number', 'x'],
  ['07900900191', 'with zeros', 'x'],
  ['447900900192', 'abroad', 'x'],
  ['+447900900193', 'with a plus', 'x'],
  ['07900900194', 'merged', 'x'],
  ['07900900195', 'merged', 'x'],
  ['07900900196', 'alike', 'x'],
  ['07900900196', 'alike', 'x'],
];

/** A sheet with a hidden row, a filtered row and a hidden column. */
const partlyHidden = flat(
  `<table:table table:name="People"><table:table-column/><table:table-column table:visibility="collapse"/><table:table-column table:number-columns-repeated="2"/>${[
    row(['phone number', 'time', 'name', 'time'].map(text)),
    row(['07900900123', 'hidden', 'Ann', '14:05'].map(text)),
    row(['07900900124', 'hidden', 'Hidden', '14:05'].map(text), 'table:visibility="collapse"'),
    row(['07900900125', 'hidden', 'Filtered', '14:05'].map(text), 'table:visibility="filter"'),
    row(['07900900456', 'hidden', 'Zoë O’Neill', '15:10'].map(text)),
  ].join('')}</table:table>`,
  styles,
);
const small = flat(table('All', [head, ...[ann, zoe].map((line) => row(line!.split(',').map(text)))]));
const csvOptions = (separator: number, encoding: number) =>
  `csv:Text - txt - csv (StarCalc):${separator},34,${encoding},1`;

describe('LibreOffice Calc', { skip: lacksLibreOffice }, () => {
  let office: LibreOffice;
  let checks: FileChecks;
  before(async () => {
    office = openLibreOffice();
    checks = await openFileChecks();
  });
  after(async () => {
    office?.close();
    await checks?.stop();
  });

  for (const format of ['xlsx', 'ods'] as const)
    test(`cells of all kinds, written as ${format}, are sent as people read them`, async () =>
      checks.check(await office.convert(hard, format), { sent: sentFrom(format) }, `tides.${format}`));

  test('cells of all kinds, written as CSV, are sent as they were shown; of a merged range the first has the value', async () => {
    const file = await office.convert(hard, csvOptions(44, 76));
    await checks.check(file, { errors: [[values.length + 7, /^Missing$/]] }, 'tides.csv');
    const whole = file.toString().replace('"07900900195",,', '"07900900195","merged",');
    await checks.check(whole, { sent: sentFrom('csv') }, 'tides.csv');
  });

  test('a text of 32,000 characters is kept whole', async () => {
    const document = flat(table('All', [head, row([text('07900900123'), text(long), text('x')])]));
    for (const format of ['xlsx', 'ods', csvOptions(44, 76)]) {
      const { body } = await checks.upload(await office.convert(document, format), 'long.csv');
      assert.deepEqual(body.data.faults, [{ kind: 'too-long', rows: 1 }]);
      assert.equal((await checks.firstCells(body.data.id))[1], long);
    }
  });

  test('hidden and filtered rows, and hidden columns, are left out of XLSX', async () =>
    checks.check(await office.convert(partlyHidden, 'xlsx'), both, 'tides.xlsx'));

  for (const [what, separator, code] of [
    ['UTF-8 and semicolons', 59, 76],
    ['UTF-8 and tabs', 9, 76],
    ['Windows-1252 and commas', 44, 1],
    ['UTF-16 and tabs', 9, 65_535],
  ] as const)
    test(`CSV in ${what} is sent as it stands`, async () =>
      checks.check(await office.convert(small, csvOptions(separator, code)), both, 'tides.csv'));

  const refused: readonly [what: string, format: string, name: string, sentence: RegExp][] = [
    ['CSV in the encoding of old Macs', csvOptions(44, 2), 'tides.csv', encoding],
    [
      'the format of Excel 2003',
      'xls',
      'tides.xls',
      /in the format of Excel 2003 or earlier – open it in Excel/,
    ],
    ['XML of Excel 2003', 'xml:MS Excel 2003 XML', 'tides.xls', markup],
    ['a web page', 'html', 'tides.xls', markup],
    ['flat XML', 'fods', 'tides.ods', markup],
  ];
  for (const [what, format, name, sentence] of refused)
    test(`${what} is refused with what to do`, async () => {
      const file = format === 'fods' ? small : await office.convert(small, format);
      await checks.check(file, { refused: sentence }, name);
    });

  for (const [extension, filter] of [
    ['xlsx', 'Calc MS Excel 2007 XML'],
    ['ods', 'calc8'],
  ] as const)
    test(`${extension} with a password is refused with what to do`, async () =>
      checks.check(
        await office.protect(small, extension, filter),
        { refused: /protected with a password – open it, remove the password, and save it again/ },
        `tides.${extension}`,
      ));
});
