import fc from 'fast-check';

const odd = {
  words: [
    'tide',
    'Zoë',
    'naïve',
    'Straße',
    '10.5',
    '07700900123',
    'e.com',
    'GOV.UK',
    "O'Neill",
    "'80s",
    '5"',
  ],
  markdown: [
    '# ',
    '## ',
    '* ',
    '- ',
    '1. ',
    '^ ',
    '---\n',
    '===\n',
    '```\n',
    '|',
    '> ',
    '    ',
    '**',
    '__',
    '\\',
  ],
  links: [
    'https://e.com/a?b=c&copy=1',
    '[a](https://e.com)',
    '[a](b "c")',
    '![',
    '](',
    '[',
    ']',
    '[a]: http://c.d\n',
  ],
  quotes: ['"', "'", '“', '”', '‘', '’', '--', ' - ', '–', '…'],
  entities: ['&amp;', '&lt;', '&nbsp;', '&#60;', '&#x110000;', '&lpar;', '&Dagger;', '&notit;', '&', ';'],
  html: ['<', '>', '<b>', '</b>', '<!--', '-->', '<script>', '<a href="http://e.f">', 'onclick="x"'],
  space: [
    ' ',
    '  ',
    '\t',
    '\n',
    '\n\n',
    '\r\n',
    '\r',
    '\v',
    '\f',
    '\x1c',
    '\x85',
    '\xa0',
    '\u1680',
    '\u2003',
  ],
  hidden: ['\u2028', '\u200b', '\ufeff', '\u202e', '\u2060', '\u3164', '\u3000', '\ufdd0', '\ue000', '\0'],
  marks: ['e\u0301', '\u0327\u0301', 'ế', 'ŵ', '각', 'ﬁ', '€', '[', '~', '😀', '\ud800', '\udc00', 'İ'],
} as const;

/** Pieces that mean something to one rule or another of the text engine. */
export const oddPieces: readonly string[] = [...new Set(Object.values(odd).flat())];

/** Names of placeholders that are the same, nearly the same, or look like something else. */
export const oddNames = [
  'name',
  ' Name ',
  'na_me',
  '2',
  '2_',
  'a&b',
  'a&amp;b',
  '<em>x</em>',
  '__proto__',
  'é',
  'x\ny',
];

const piece = fc.constantFrom(...oddPieces);
const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''));

const placeholder = fc.oneof(
  fc.constantFrom(...oddNames).map((name) => `((${name}))`),
  fc
    .tuple(fc.constantFrom(...oddNames), text)
    .map(([name, shown]) => `((${name}??${shown.replace(/[()]/g, '')}))`),
  fc.constantFrom('((', '))', '(', ')', '(())', '??'),
);

/** The content of a template or a subject. */
export const anyContent: fc.Arbitrary<string> = fc
  .array(fc.oneof({ weight: 3, arbitrary: piece }, { weight: 1, arbitrary: placeholder }), { maxLength: 40 })
  .map((pieces) => pieces.join(''));

const value = fc.oneof(
  { weight: 4, arbitrary: anyContent },
  { weight: 1, arbitrary: fc.constantFrom(null, true, false, 0, 1.5, 'yes', 'no', {}) },
  { weight: 1, arbitrary: fc.array(fc.oneof(text, fc.constant(null)), { maxLength: 4 }) },
);

export const anyPersonalisation: fc.Arbitrary<Record<string, unknown>> = fc.dictionary(
  fc.constantFrom(...oddNames),
  value,
  { maxKeys: oddNames.length },
);

export const word: fc.Arbitrary<string> = fc.stringMatching(/^[a-z]{3,9}$/);

/** A file of recipients as a program writes it, and the cells that are in it. */
export type WrittenCsv = Readonly<{ bytes: Buffer; header: readonly string[]; rows: readonly string[][] }>;

const encoders: Readonly<Record<string, (text: string) => Buffer>> = {
  'utf-8': (written) => Buffer.from(written),
  'utf-8 with a mark': (written) => Buffer.from(`\ufeff${written}`),
  'utf-16le': (written) => Buffer.from(written, 'utf16le'),
  'utf-16le with a mark': (written) => Buffer.from(`\ufeff${written}`, 'utf16le'),
  'utf-16be': (written) => Buffer.from(written, 'utf16le').swap16(),
  'utf-16be with a mark': (written) => Buffer.from(`\ufeff${written}`, 'utf16le').swap16(),
  'windows-1252': (written) => Buffer.from(written, 'latin1'),
};

// Never three letters with accents together: no word has them, so a file in Windows-1252 that does is refused (csv/text.ts).
const cellPiece = fc.constantFrom(
  ...['Ann', 'Zoë', 'née', ' ', ',', ';', '\t', '"', '""', '\r\n', '=', "'", '0', 'sep=;', 'ID', '((a))'],
);

/** Files in every encoding and with every separator that is read, quoted where needed or throughout. */
export const anyCsv: fc.Arbitrary<WrittenCsv> = fc
  .record({
    encoding: fc.constantFrom(...Object.keys(encoders)),
    separator: fc.constantFrom(',', ';', '\t', '|'),
    lineEnd: fc.constantFrom('\r\n', '\n', '\r'),
    always: fc.boolean(),
    end: fc.constantFrom('', '\r\n', '\r\n\x1a', '\n\n'),
    rows: fc.array(
      fc.tuple(
        fc.stringMatching(/^07[0-9]{9}$/),
        fc.array(cellPiece, { maxLength: 6 }).map((pieces) => pieces.join('')),
        word,
      ),
      { minLength: 1, maxLength: 20 },
    ),
  })
  .map(({ encoding, separator, lineEnd, always, end, rows }) => {
    const header = ['phone number', 'first name', 'time'];
    const quoted = (cell: string) =>
      always || /["\r\n]|^ /.test(cell) || cell.includes(separator)
        ? `"${cell.replaceAll('"', '""')}"`
        : cell;
    const lines = [header, ...rows].map((cells) => cells.map(quoted).join(separator)).join(lineEnd);
    const named = separator === '|' ? `sep=|${lineEnd}` : '';
    return { bytes: encoders[encoding]!(`${named}${lines}${end}`), header, rows };
  });
