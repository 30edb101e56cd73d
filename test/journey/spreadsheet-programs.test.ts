/** Files as spreadsheet programs write them, byte for byte, from the upload to what was sent (spec 03, section 4). */
import { after, before, describe, test } from 'node:test';
import {
  ann,
  both,
  type End,
  encoding,
  type FileChecks,
  header,
  markup,
  openFileChecks,
  zoe,
} from '../support/file-checks.ts';

const lines = (end = '\r\n') => [header, ann, zoe].join(end);
const utf16 = (text: string, isBig = false) => {
  const bytes = Buffer.from(text, 'utf16le');
  return isBig ? bytes.swap16() : bytes;
};
/** One byte for each character; letters that the encoding has elsewhere are given by their bytes. */
const bytesOf = (text: string) => Buffer.from(text, 'latin1');
const windows = bytesOf(lines().replace('’', '\x92'));
const damaged = Buffer.from(lines());
damaged[damaged.indexOf('O')] = 0xff;

const spreadsheet = 'format the column as text';

const byHand: readonly [what: string, file: string | Buffer, end: End, name?: string][] = [
  ['a byte-order mark', `\ufeff${lines()}`, both],
  ['two byte-order marks', `\ufeff\ufeff${lines()}`, both],
  ['UTF-16, little end first', utf16(`\ufeff${lines()}`), both],
  ['UTF-16, big end first', utf16(`\ufeff${lines()}`, true), both],
  ['UTF-16 without a mark, little end first', utf16(lines()), both],
  ['UTF-16 without a mark, big end first', utf16(lines(), true), both],
  ['UTF-16 with tabs, as ‘Unicode text’ of Excel', utf16(`\ufeff${lines().replaceAll(',', '\t')}`), both],
  ['Windows-1252', windows, both],
  ['one damaged byte in UTF-8', damaged, { refused: encoding }],
  [
    'the letters of Excel for Mac',
    bytesOf(lines('\r').replace('ë', '\x91').replace('’', '\xd5').replace('Ann', 'Ren\x8ee')),
    { refused: encoding },
  ],
  ['the letters of MS-DOS', bytesOf(lines().replace('ë', '\x89').replace('’', "'")), { refused: encoding }],
  ['semicolons', lines().replaceAll(',', ';'), both],
  ['tabs', lines().replaceAll(',', '\t'), both],
  ['a first line sep=;', `sep=;\r\n${lines().replaceAll(',', ';')}`, both],
  ['a first line sep=| in quotes', `"sep=|"\r\n${lines().replaceAll(',', '|')}`, both],
  [
    'a separator that is not known',
    lines().replaceAll(',', '|'),
    {
      errors: ['name', 'time', 'phone number'].map((name) => [
        null,
        new RegExp(`needs a column called ‘${name}’`),
      ]),
    },
  ],
  ['CRLF', lines('\r\n'), both],
  ['lone LF', lines('\n'), both],
  ['lone CR', lines('\r'), both],
  [
    'line breaks, quotes and separators in quotes',
    `${header}\r\n07900900123,"Ann ""A,B""\r\nof Ely",14:05\r\n${zoe}`,
    { sent: [['07900900123', 'Ann "A,B"\nof Ely', '14:05'], both.sent[1]!] },
  ],
  ['blank rows at the end', `${lines()}\r\n,,\r\n  ,,\r\n\r\n\r\n`, both],
  ['blank columns at the end', lines().replace(/(\r\n|$)/g, ',,,,$1'), both],
  [
    'a blank row in the middle',
    lines().replace('\r\n0', '\r\n,,\r\n0'),
    {
      errors: [
        [2, /^Missing$/],
        [2, /^Missing$/],
        [2, /^Missing$/],
      ],
    },
  ],
  [
    'a quote that is not closed',
    `${header}\r\n07900900123,"Ann,14:05\r\n${zoe}`,
    {
      errors: [
        [2, /begins with a quote \("\) that is not closed/],
        [2, /^Missing$/],
      ],
    },
  ],
  [
    'a quote that is closed by the next one',
    `${header}\r\n07900900123,"Ann,14:05\r\n07900900456,"Zoë",15:10`,
    { errors: [[2, /begins with a quote \("\) that is not closed/]] },
  ],
  [
    'a surplus cell',
    `${header}\r\n07900900123,O’Neill, Ann,14:05`,
    {
      errors: [
        [
          2,
          /has more cells than the header has columns, from ‘14:05’ on – put a value that contains commas in quotes/,
        ],
      ],
    },
  ],
  [
    'a number that was shortened',
    `${header}\r\n4.47E+11,Ann,14:05`,
    { errors: [[2, new RegExp(`shortened this phone number to ‘4.47E\\+11’ – ${spreadsheet}`)]] },
  ],
  [
    'a number that was shortened, with a comma',
    `${header.replaceAll(',', ';')}\r\n4,47E+11;Ann;14:05`,
    { errors: [[2, new RegExp(`shortened this phone number to ‘4,47E\\+11’ – ${spreadsheet}`)]] },
  ],
  [
    'numbers that lost their zero',
    lines().replaceAll('079', '79'),
    {
      sent: [
        ['7900900123', 'Ann', '14:05'],
        ['7900900456', 'Zoë O’Neill', '15:10'],
      ],
    },
  ],
  [
    'numbers that lost their plus',
    lines().replace('079', '4479'),
    { sent: [['447900900123', 'Ann', '14:05'], both.sent[1]!] },
  ],
  [
    'a number that became a decimal',
    lines().replace('07900900123', '447900900123.00'),
    { errors: [[2, /turned this phone number into the decimal ‘447900900123.00’ – .* enter 447900900123/]] },
  ],
  ['formulas that keep zeros', lines().replace(/(\d{11})/g, '="$1"'), both],
  ['formulas that keep zeros, in quotes', lines().replace(/(\d{11})/g, '"=""$1"""'), both],
  ['Ctrl-Z at the end', `${lines()}\r\n\x1a`, both],
  ['a non-breaking space in a header', lines().replace('phone number', 'phone\u00a0number'), both],
  ['a mark and spaces around a header', lines().replace('name', '\u200e name\u200b '), both],
  [
    'a letter that another program damaged',
    lines().replace('ë', '\ufffd'),
    { errors: [[3, /damaged character/]] },
  ],
  [
    'a web page that is called .xls',
    `<html><table><tr><td>phone number</td></tr></table></html>`,
    { refused: markup },
    'a.xls',
  ],
];

describe('a file, byte for byte by hand, is sent as it stands, or refused with what to change', () => {
  let checks: FileChecks;
  before(async () => {
    checks = await openFileChecks();
  });
  after(() => checks.stop());

  for (const [what, file, end, name = 'tides.csv'] of byHand) test(what, () => checks.check(file, end, name));
});
