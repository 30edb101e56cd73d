import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLossless } from '../../ground/json.ts';
import { type DocumentFile, type FileValue, isFileValue, readFiles } from './file.ts';

const megabytes = 2 * 1024 * 1024;
const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const pdf = base64('%PDF-1.7 tide');

function parseFile(
  value: FileValue,
  maxBytes: number,
): { ok: true; file: DocumentFile } | Extract<ReturnType<typeof readFiles>, { ok: false }> {
  const service = { id: 'x-1', contactLink: 'https://harbour.example/contact' };
  const outcome = readFiles({ doc: value }, { type: 'email', service, adminBaseUrl: '', maxBytes });
  return outcome.ok ? { ok: true, file: outcome.files.get('doc')! } : outcome;
}

function problemOf(value: FileValue, maxBytes = megabytes): [string, string][] {
  const outcome = parseFile(value, maxBytes);
  if (outcome.ok) assert.fail('accepted');
  assert.equal(outcome.problem.status, 400);
  return outcome.problem.faults.map(({ error, message }) => [error, message]);
}

function fileOf(value: FileValue, maxBytes = megabytes) {
  const outcome = parseFile(value, maxBytes);
  if (!outcome.ok) assert.fail(outcome.problem.message);
  const { content, ...rest } = outcome.file;
  return { ...rest, content: content.toString() };
}

test('only an object with a key `file` is a file', () => {
  for (const value of [{ file: 'x' }, { file: null }, JSON.parse('{"file": {}}')])
    assert.equal(isFileValue(value), true, JSON.stringify(value));
  for (const value of [
    null,
    'file',
    1,
    ['file'],
    { files: 'x' },
    Object.create({ file: 'x' }),
    [{ file: 1 }],
  ])
    assert.equal(isFileValue(value), false, JSON.stringify(value));
  assert.equal(isFileValue(parseLossless('1.0')), false);
});

test('every wrong field of a file is reported, with the texts and in the order of GOV.UK Notify', () => {
  const weeks = (shown: string) =>
    `retention_period Unsupported value for retention_period: ${shown}. Supported periods are from 1 to 78 weeks.`;
  const flag = (name: string, shown: string) =>
    `${name} Unsupported value for ${name}: ${shown}. Use a boolean true or false value.`;
  const extension = 'filename `filename` must end with a file extension. For example, filename.csv';
  const both = 'Do not set a value for `is_csv` if `filename` is set.';
  const file = 'SGk=';
  const table: [string, string[]][] = [
    ['{"file": false}', ['file False is not of type string']],
    ['{"file": null}', ['file None is not of type string']],
    ['{"file": {}}', ['file {} is not of type string']],
    ['{"file": 1.0}', ['file 1.0 is not of type string']],
    [`{"file": "${file}", "title": "x"}`, ['Additional properties are not allowed (title was unexpected)']],
    [`{"file": "${file}", "is_csv": "yes"}`, [flag('is_csv', 'yes')]],
    [`{"file": "${file}", "is_csv": 1}`, [flag('is_csv', '1')]],
    [
      `{"file": "${file}", "confirm_email_before_download": "maybe"}`,
      [flag('confirm_email_before_download', 'maybe')],
    ],
    [
      `{"file": "${file}", "confirm_email_before_download": "it's"}`,
      [flag('confirm_email_before_download', '"its"')],
    ],
    [`{"file": "${file}", "retention_period": "90 weeks"}`, [weeks('90 weeks')]],
    [`{"file": "${file}", "retention_period": "2 months"}`, [weeks('2 months')]],
    [`{"file": "${file}", "retention_period": {"a": [1.0]}}`, [weeks('{a: [1.0]}')]],
    [`{"file": "${file}", "retention_period": 26}`, [weeks('26')]],
    [`{"file": "${file}", "filename": "minutes"}`, [extension]],
    [`{"file": "${file}", "filename": ""}`, [extension]],
    [`{"file": "${file}", "filename": 5}`, ['filename 5 is not of type string, null']],
    [`{"file": "${file}", "is_csv": true, "filename": "minutes.csv"}`, [both]],
    [`{"file": "${file}", "is_csv": null, "filename": null}`, [both]],
    [
      '{"filename": "a", "retention_period": "", "confirm_email_before_download": 0, "is_csv": [], "b": 1, "a": 1, "file": 2}',
      [
        'Additional properties are not allowed (a, b were unexpected)',
        'file 2 is not of type string',
        flag('is_csv', '[]'),
        flag('confirm_email_before_download', '0'),
        weeks(''),
        extension,
        both,
      ],
    ],
  ];
  for (const [json, expected] of table)
    assert.deepEqual(
      problemOf(parseLossless(json) as FileValue),
      expected.map((message) => ['ValidationError', message]),
      json,
    );
});

test('a file is kept for 26 weeks, or for the 1 to 78 weeks that were asked for', () => {
  const weeks = (retention_period?: unknown) => fileOf({ file: pdf, retention_period }).weeks;
  const table: [unknown, number][] = [
    [undefined, 26],
    [null, 26],
    ['1 week', 1],
    ['1 weeks', 1],
    [' 78 Weeks\n', 78],
    ['04 WEEK', 4],
  ];
  for (const [period, expected] of table) assert.equal(weeks(period), expected, String(period));
  for (const period of [
    '0 weeks',
    '79 weeks',
    '-1 weeks',
    '1.5 weeks',
    'weeks',
    '4weeks',
    '4 week s',
    '99999 weeks',
    '٤ weeks',
  ])
    assert.equal(problemOf({ file: pdf, retention_period: period }).length, 1, period);
});

test('a file that an old client sends without a name is named after its content', () => {
  const text = base64('name,tide\n');
  const table: [FileValue, string, string][] = [
    [{ file: pdf }, 'document.pdf', 'application/pdf'],
    [{ file: pdf, is_csv: true }, 'document.pdf', 'application/pdf'],
    [{ file: text, is_csv: true }, 'document.csv', 'text/csv'],
    [{ file: text, is_csv: false }, 'document.txt', 'text/plain'],
    [{ file: text, is_csv: null }, 'document.txt', 'text/plain'],
    [{ file: text, filename: null }, 'document.txt', 'text/plain'],
    [{ file: base64(Buffer.from('ffd8ffe0', 'hex')) }, 'document.jpg', 'image/jpeg'],
  ];
  for (const [value, filename, contentType] of table) {
    const file = fileOf(value);
    assert.deepEqual([file.filename, file.contentType], [filename, contentType], JSON.stringify(value));
  }
});

test('a named file has the type of its extension, whatever content of a supported type it has', () => {
  const taken: [string, string, string][] = [
    ['Tide.PDF', '%PDF-1.7', 'application/pdf'],
    ['tide.csv', 'a,b', 'text/csv'],
    ['tide.txt', 'a,b', 'text/plain'],
    ['tide.json', '{"a": 1}', 'application/json'],
    ['tide.rtf', '{\\rtf1}', 'application/rtf'],
    ['tide.doc', '{\\rtf1}', 'application/msword'],
    ['tide.pdf', 'just text', 'application/pdf'],
    ['tide.csv', '%PDF-1.7', 'text/csv'],
    ['tide.png', '%PDF-1.7', 'image/png'],
  ];
  for (const [filename, content, contentType] of taken)
    assert.deepEqual(fileOf({ file: base64(content), filename }), {
      filename,
      contentType,
      content,
      confirmEmail: true,
      weeks: 26,
    });
});

test('a file of an unsupported type is refused with the texts of GOV.UK Notify', () => {
  const unsupported = (type: string) =>
    `Unsupported file type '${type}'. Supported types are: '.csv', '.doc', '.docx', '.jpeg', '.jpg', '.json', '.odt', '.pdf', '.png', '.rtf', '.txt', '.xls', '.xlsx'`;
  const refused: [string | null, string | Buffer, string][] = [
    ['tide.exe', 'MZ\0', unsupported('.exe')],
    ['tide.html', 'hello', unsupported('.html')],
    ['tide.pdf.zip', '%PDF-1.7', unsupported('.zip')],
    ['tide.pdf', 'MZ\0', unsupported('application/octet-stream')],
    ['tide.txt', '<script>alert(1)</script>', unsupported('text/html')],
    ['tide.txt', '\ufeff <!DOCTYPE html>', unsupported('text/html')],
    ['tide.png', '<svg xmlns="http://www.w3.org/2000/svg"/>', unsupported('image/svg+xml')],
    ['tide.txt', '<?xml version="1.0"?>', unsupported('text/xml')],
    ['tide.docx', Buffer.from('504b0304', 'hex'), unsupported('application/zip')],
    ['tide.xls', Buffer.from('d0cf11e0a1b11ae1', 'hex'), unsupported('application/x-ole-storage')],
    [null, 'MZ\0', unsupported('application/octet-stream')],
    ['a/b.pdf', '%PDF-1.7', '`filename` cannot contain slashes, line breaks or other control characters'],
    ['tide.pdf.', '%PDF-1.7', '`filename` must end with a file extension. For example, filename.csv'],
  ];
  for (const [filename, text, message] of refused)
    assert.deepEqual(problemOf({ file: base64(text), filename }), [['BadRequestError', message]]);
});

test('recipients must confirm their address unless the sender says otherwise', () => {
  for (const [given, expected] of [
    [undefined, true],
    [null, true],
    [true, true],
    [false, false],
  ] as const)
    assert.equal(fileOf({ file: pdf, confirm_email_before_download: given }).confirmEmail, expected);
});

test('invalid base64 is refused, but line breaks in it are allowed', () => {
  const refusal = [['BadRequestError', 'Document is not base64 encoded']];
  for (const file of [
    'SGk',
    'S===',
    '=SGk',
    'SG=k',
    'SGk*',
    'data:text/plain;base64,SGk=',
    'SGk_',
    '%PDF',
    'é'.repeat(4),
  ])
    assert.deepEqual(problemOf({ file }), refusal, file);
  assert.equal(fileOf({ file: 'SGVs\r\nbG8=\n' }).content, 'Hello');
  assert.deepEqual(problemOf({ file: '' }), [['BadRequestError', 'Document must not be empty']]);
  assert.deepEqual(problemOf({ file: `${'A'.repeat(16 * 1024 * 1024)}*===` }, 64 * megabytes), refusal);
});

test('a file may be as large as the limit but not a byte larger', () => {
  const content = 'x'.repeat(megabytes);
  assert.equal(fileOf({ file: base64(content) }).content.length, megabytes);
  assert.deepEqual(problemOf({ file: base64(`${content}x`) }), [
    ['BadRequestError', 'Uploaded file exceeds file size limit'],
  ]);
  assert.deepEqual(problemOf({ file: base64('x'.repeat(11)) }, 10), [
    ['BadRequestError', 'Uploaded file exceeds file size limit'],
  ]);
});
