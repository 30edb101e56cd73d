import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type CsvForm, readCsv, type Survey, surveyCsv } from './file.ts';
import { csvProblemText } from './record.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);
const utf16 = (text: string, mark = '') => new Uint8Array(Buffer.from(mark + text, 'utf16le'));
const bigEndian = (bytes: Uint8Array) => new Uint8Array(Buffer.from(bytes).swap16());
/** For characters with the same code in Latin-1 and Windows-1252. */
const latin1 = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));

async function* chunked(bytes: Uint8Array, sizes: readonly number[] = []): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of sizes) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
  yield bytes.subarray(start);
}

type Options = { expected?: string[]; isConverted?: boolean; sizes?: readonly number[] };

function survey(
  bytes: Uint8Array,
  { expected = [], isConverted = false, sizes }: Options = {},
): Promise<Survey> {
  return surveyCsv(chunked(bytes, sizes), { expected, isConverted });
}

async function formOf(bytes: Uint8Array, options?: Options): Promise<CsvForm> {
  const outcome = await survey(bytes, options);
  assert.ok(outcome.ok, outcome.ok ? '' : outcome.problem);
  return outcome.form;
}

async function rowsOf(bytes: Uint8Array, form: CsvForm, sizes?: readonly number[]): Promise<string[][]> {
  const rows: string[][] = [];
  for await (const { cells } of readCsv(chunked(bytes, sizes), form)) rows.push([...cells]);
  return rows;
}

async function read(bytes: Uint8Array, options?: Options) {
  const form = await formOf(bytes, options);
  return { ...form, header: form.header.cells, rows: await rowsOf(bytes, form) };
}

describe('the encoding of a file is recognised', () => {
  const text = 'phone number,name\n07400123456,Zoë\n07400123457,O’Neill\n';
  const rows = [
    ['07400123456', 'Zoë'],
    ['07400123457', 'O’Neill'],
  ];
  const cases: [promise: string, bytes: Uint8Array, encoding: string][] = [
    ['UTF-8', utf8(text), 'utf-8'],
    ['UTF-8 with a byte-order mark', utf8(`\uFEFF${text}`), 'utf-8'],
    ['UTF-16 with a byte-order mark', utf16(text, '\uFEFF'), 'utf-16le'],
    ['big-endian UTF-16 with a byte-order mark', bigEndian(utf16(text, '\uFEFF')), 'utf-16be'],
    ['UTF-16 without a byte-order mark', utf16(text), 'utf-16le'],
    ['big-endian UTF-16 without a byte-order mark', bigEndian(utf16(text)), 'utf-16be'],
    ['UTF-16 with hardly a Latin letter', utf16(text.replace('Zoë', 'Анна '.repeat(60))), 'utf-16le'],
    ['Windows-1252', latin1(text.replace('’', '\x92')), 'windows-1252'],
  ];
  for (const [promise, bytes, encoding] of cases)
    test(promise, async () => {
      const got = await read(bytes);
      assert.equal(got.encoding, encoding);
      assert.deepEqual(got.header, ['phone number', 'name']);
      assert.deepEqual(
        got.rows.map((row) => row.map((cell) => cell.replace(/(Анна )+/, 'Zoë'))),
        rows,
      );
    });

  test('one late byte makes the whole file Windows-1252', async () => {
    const bytes = latin1(`name\n${'Ann\n'.repeat(100_000)}Ren\xe9`);
    const got = await read(bytes);
    assert.equal(got.encoding, 'windows-1252');
    assert.deepEqual([got.rows[0], got.rows.at(-1)], [['Ann'], ['René']]);
  });

  test('signs of Windows-1252 are read wherever words and prices have them', async () => {
    const words =
      'Müller–Lüdenscheidt|“O’Neill”|‘quoted’|café™|well…then|Noël’s|cœur|Škoda|Žižek|SÃO PAULO|McÉWAN|£5|20°|' +
      '«guillemets»|col·lega|€9|été|créée|Æthelred|¿Qué?|¡Hola!|Bjørn|name†|O´Neill';
    const marks: Record<string, number> = {
      ...{ '–': 0x96, '“': 0x93, '”': 0x94, '’': 0x92, '‘': 0x91, '™': 0x99, '…': 0x85, œ: 0x9c },
      ...{ Š: 0x8a, Ž: 0x8e, ž: 0x9e, '€': 0x80, '†': 0x86 },
    };
    const bytes = latin1(
      words.replace(/[\u0100-\uffff]/g, (sign) => String.fromCharCode(marks[sign]!)).replaceAll('|', '\n'),
    );
    const { encoding, header, rows } = await read(bytes);
    assert.equal(encoding, 'windows-1252');
    assert.deepEqual(
      [header, ...rows],
      words.split('|').map((word) => [word]),
    );
  });

  test('two letters of Windows-1252 may look like one of UTF-8', async () => {
    const bytes = latin1('name\nRen\xe9\n\x93CAF\xc9\x94\n');
    assert.deepEqual((await read(bytes)).rows, [['René'], ['“CAFÉ”']]);
  });

  const damaged: [string, Uint8Array][] = [
    ['a file with a UTF-8 byte-order mark that is not UTF-8', new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff])],
    [
      'UTF-8 with one damaged byte',
      new Uint8Array(Buffer.concat([utf8('name\nZoë\n'), latin1('Jos\xe9\n')])),
    ],
    [
      'UTF-8 whose first letter is damaged',
      new Uint8Array(Buffer.concat([latin1('name\nJos\xc3\n'), utf8('Zoë\nChloë\n')])),
    ],
    ['UTF-8 that is cut off in a letter', utf8('name\nZoë\nJosé').subarray(0, -1)],
    ['a file with a byte that Windows-1252 does not define', latin1('name\nJos\xe9\nZo\x81\n')],
    ['UTF-8 whose only letter is cut off', latin1('name\nRen\xc3')],
    ['a CSV file of Excel for Mac', latin1('name\nRen\x8ee\nO\xd5Neill\nZo\x91\n')],
    ['a file of Excel for Mac whose only letter is at an end', latin1('name\nJos\x8e\n')],
    ['a CSV file for MS-DOS', latin1('name\nRen\x82e\nJ\x94rg\nChlo\x89\n')],
    ['a file for MS-DOS with one letter within a name', latin1('name\nFran\x87ois\n')],
    ['a file in Russian', latin1('name\n\xc0\xed\xed\xe0\n')],
    ['a file in Polish', latin1('name\nZaj\xb9c\nPawe\xb3\n')],
  ];
  for (const [what, bytes] of damaged)
    test(`${what} is damaged, or in an encoding that is not known`, async () =>
      assert.deepEqual(await survey(bytes), { ok: false, problem: 'damaged-text' }));

  const notText: [string, Uint8Array][] = [
    ['a file with a zero in a value', utf8('name\nAn\0n\n')],
    ['a file that ends in zeros', utf8(`name\nAnn\n${'\0'.repeat(512)}`)],
    ['UTF-16 with a zero in a value', utf16('name\nAn\0n\n', '\uFEFF')],
    ['UTF-32', new Uint8Array([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0])],
    ['UTF-16 that is cut off in a letter', new Uint8Array([...utf16('name\nAnn', '\uFEFF'), 0x41])],
    ['UTF-16 with half a pair', utf16('name\nAnn\ud83dx', '\uFEFF')],
    ['a workbook', new Uint8Array([0x50, 0x4b, 3, 4, 20, 0, 6, 0, 8, 0, 0xff, 0xfe, 0x9c, 1, 2, 3])],
  ];
  for (const [what, bytes] of notText)
    test(`${what} is not text`, async () =>
      assert.deepEqual(await survey(bytes), { ok: false, problem: 'not-text' }));
});

describe('the separator is guessed from the header line', () => {
  const expected = ['email address', 'First name'];
  const cases: [promise: string, text: string, separator: string, header: string[]][] = [
    ['commas', 'email address,first name\na;b;c;d', ',', ['email address', 'first name']],
    ['semicolons', 'email address;first_name\na@b.c;x,y,z', ';', ['email address', 'first_name']],
    ['tabs', 'Email address\tFirst name\na@b.c\tx,y', '\t', ['Email address', 'First name']],
    ['a single column', 'email address\na;b;c\nd;e', ',', ['email address']],
    [
      'commas, although a header has semicolons',
      'note; or; remark,email address,first name\n',
      ',',
      ['note; or; remark', 'email address', 'first name'],
    ],
    [
      'semicolons, although a header has commas',
      'a, b, c, d;email address;first name\n',
      ';',
      ['a, b, c, d', 'email address', 'first name'],
    ],
    [
      'commas, when the others are in quotes',
      '"a;b\n;c;d","email;address",e\n',
      ',',
      ['a;b\n;c;d'.replace('\n', '\r\n'), 'email;address', 'e'],
    ],
    ['commas, if no expected column is there', 'x,a;b;c;d\n', ',', ['x', 'a;b;c;d']],
    ['semicolons, if no expected column and no comma is there', 'x;y\tz;w\n', ';', ['x', 'y\tz', 'w']],
    ['tabs, before an empty first column', '\n \n\temail address\n', '\t', ['', 'email address']],
    ['commas, after blank lines', '\n\t\n\temail address,a\n', ',', ['email address', 'a']],
  ];
  for (const [promise, text, separator, header] of cases)
    test(promise, async () => {
      const form = await formOf(utf8(text), { expected });
      assert.equal(form.separator, separator);
      assert.deepEqual(form.header.cells, header);
    });

  for (const [line, separator] of [
    ['sep=;', ';'],
    ['"SEP=|"', '|'],
    ['sep=\t', '\t'],
    ['sep=,,,', ','],
  ] as const)
    test(`the one that the first line names is obeyed: ${JSON.stringify(line)}`, async () => {
      const text = `\uFEFF${line}\r\n${['email address', 'a,b'].join(separator === ',' ? ',"' : separator)}`;
      const bytes = utf8(`${text}${separator === ',' ? '"' : ''}\n${['a@b.c', 'x;y'].join(separator)}\n`);
      const got = await read(bytes, { expected: separator === ';' ? [] : expected });
      assert.deepEqual([got.separator, got.header], [separator, ['email address', 'a,b']]);
      assert.equal(got.rows.length, 1);
      assert.equal(got.rows[0]![0], 'a@b.c');
    });

  test('only commas separate in a converted text', async () => {
    const form = await formOf(utf8('email address;first name\n'), { expected, isConverted: true });
    assert.deepEqual([form.separator, form.header.cells], [',', ['email address;first name']]);
  });

  test('trailing empty cells of a semicolon file are trimmed, trailing commas stay', async () => {
    const got = await read(utf8('email address;first name\na@b.c;x,\n;;\n; \n'), { expected });
    assert.deepEqual(got.rows, [['a@b.c', 'x,']]);
  });
});

describe('the text of a file', () => {
  test('is trimmed at both ends', async () => {
    const got = await read(utf8('\uFEFF\u200B \r\n\tname , date\nAnn,\n ,\u00A0\n,,\n'));
    assert.deepEqual(got.header, ['name ', 'date']);
    assert.deepEqual([got.rows, got.rowCount], [[['Ann']], 1]);
  });

  test('has no row for white space of any kind, or an end-of-file mark, at its end', async () => {
    for (const end of ['\u3000\n', '\u2003,\u1680\n', '\x1a', '\n\u200e\u2066\x1a\n', '\u205f\x1f\x85']) {
      const got = await read(utf8(`name,date\nAnn,1\n${end}`));
      assert.deepEqual(got.rows, [['Ann', '1']], JSON.stringify(end));
    }
  });

  test('may not have more cells than can be read', async () => {
    const outcome = await survey(utf8(`name\n${`${','.repeat(999)}x\n`.repeat(10_001)}`));
    assert.deepEqual(outcome, { ok: false, problem: 'too-many-cells' });
    assert.deepEqual(await survey(utf8(`name\n${'"'.repeat(1_000_000)}`)), {
      ok: false,
      problem: 'cell-too-long',
      row: 2,
    });
  });

  test('may have 10 MiB, and not one byte more', async () => {
    const bytes = Buffer.alloc(10 * 1024 * 1024 + 1, 'ab,c\n');
    assert.ok((await survey(bytes.subarray(0, -1))).ok);
    assert.deepEqual(await survey(bytes), { ok: false, problem: 'too-large' });
    assert.equal(
      csvProblemText('too-large', { bytes: bytes.length }),
      'The file must be smaller than 10MB (Notify can process up to 10,485,760 bytes, your file has 10,485,761)',
    );
  });

  test('may begin like a file of another kind: `ID` is a column', async () => {
    assert.deepEqual((await read(utf8('ID;name\n1;Ann\n'))).header, ['ID', 'name']);
  });

  for (const [text, place] of [
    ['name,date\nAnn,"1"\n"Bob",2', null],
    ['name,date\n"a\nb" ,"c\n""d"""\n6" pipe,"5"" pipe"', null],
    ['name,date\n"Ann" Other,1', null],
    ['name,date\nAnn,"1\nBob,2\n', { record: 1, position: 1 }],
    ['name,date\nAnn,1\n"Bob,2\nCat,3\n"Dan",4', { record: 2, position: 0 }],
    ['name,date\nAnn,1\nBob,"', { record: 2, position: 1 }],
    ['"name,date\nAnn,1', { record: 0, position: 0 }],
  ] as const)
    test(`tells where a quote is not closed: ${JSON.stringify(text)}`, async () =>
      assert.deepEqual((await formOf(utf8(text))).unclosedQuote, place));

  test('is split at every kind of line end', async () => {
    const text = 'name\rAnn\nBob\vCat\fDan\x1cEve\x1dFay\x1eGil\u0085Hal\u2028Ida\u2029Joe\r\n\r\nKim';
    const names = 'Ann Bob Cat Dan Eve Fay Gil Hal Ida Joe'.split(' ');
    assert.deepEqual((await read(utf8(text))).rows, [...names.map((name) => [name]), [], ['Kim']]);
  });

  test('has its line ends inside cells made CRLF', async () => {
    assert.deepEqual((await read(utf8('name\n"a\nb\r\nc\rd"'))).rows, [['a\r\nb\r\nc\r\nd']]);
  });

  test('keeps its line ends if it was converted already', async () => {
    const got = await read(utf8('name\n"a\nb\rc"\nd\u2028e'), { isConverted: true });
    assert.deepEqual(got.rows, [['a\nb\rc'], ['d\u2028e']]);
    const outcome = await survey(utf8('name\rAnn'), { isConverted: true });
    assert.deepEqual(outcome, { ok: false, problem: 'lone-carriage-return' });
  });

  test('may be empty', async () => {
    for (const bytes of [new Uint8Array(), utf8('\uFEFF'), utf8(' \n\t ,, \n')]) {
      const form = await formOf(bytes);
      assert.deepEqual([form.header, form.rowCount], [{ cells: [], width: 0 }, 0]);
    }
  });

  test('is as wide as its fullest row, whatever the header says', async () => {
    const form = await formOf(utf8('a,b,c,,,\n1,,,,\n1,2,,\n,,'));
    assert.deepEqual([form.filledWidth, form.header.width, form.rowCount], [2, 6, 2]);
  });
});

const word = fc.constantFrom(
  'a',
  'é',
  '’',
  ',',
  ';',
  '\t',
  '"',
  '\r',
  '\n',
  '\u2028',
  '\uFEFF',
  ' ',
  'name',
  '07',
);
const anyText = fc.array(word, { maxLength: 60 }).map((words) => words.join(''));
const anyFile = fc.oneof(
  anyText.map(utf8),
  anyText.map((text) => utf16(text, '\uFEFF')),
  anyText.map((text) => bigEndian(utf16(text, '\uFEFF'))),
  anyText.map(latin1),
  fc.uint8Array({ maxLength: 60 }),
);
const anySizes = fc.array(fc.nat(9), { maxLength: 30 });

test('a file reads the same however its bytes are split into chunks', async () => {
  await fc.assert(
    fc.asyncProperty(anyFile, anySizes, fc.boolean(), async (bytes, sizes, isConverted) => {
      const whole = await survey(bytes, { expected: ['name'], isConverted });
      assert.deepEqual(await survey(bytes, { expected: ['name'], isConverted, sizes }), whole);
      if (!whole.ok) return;
      const rows = await rowsOf(bytes, whole.form);
      assert.deepEqual(await rowsOf(bytes, whole.form, sizes), rows);
      assert.equal(rows.length, whole.form.rowCount);
    }),
    { numRuns: 300 },
  );
});

test('a long file reads the same in chunks of any size', async () => {
  const bytes = utf8(`name;note\n${'Zoë;"a\r\nb"\n'.repeat(20_000)}`);
  const whole = await formOf(bytes);
  for (const size of [1023, 65_535, 65_537]) {
    const sizes = Array.from({ length: Math.floor(bytes.length / size) }, () => size);
    assert.deepEqual(await formOf(bytes, { sizes }), whole);
    assert.equal((await rowsOf(bytes, whole, sizes)).length, 20_000);
  }
});

test('reading another file than the surveyed one throws', async () => {
  const form = await formOf(utf8('name\nZoë'));
  await assert.rejects(rowsOf(latin1('name\nZo\xeb'), form), /not the file that was surveyed/);
});

test('an unreadable file has an error text', () => {
  assert.equal(csvProblemText('not-text'), 'Notify cannot read this file - try using a different file type');
  assert.match(csvProblemText('too-many-columns'), /too many columns .*up to 16,384 columns/);
});
