import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contentDisposition, parseFilename } from './filename.ts';

test('a filename is kept without surrounding spaces, and its extension is read in lower case', () => {
  const table: [string, string, string][] = [
    ['minutes.csv', 'minutes.csv', 'csv'],
    [' Minutes of May.PDF ', 'Minutes of May.PDF', 'pdf'],
    ['a.tar.docx', 'a.tar.docx', 'docx'],
    ['..x.pdf', '..x.pdf', 'pdf'],
    ['café – ½ "1".txt', 'café – ½ "1".txt', 'txt'],
    ['گزارش‌ها.pdf', 'گزارش‌ها.pdf', 'pdf'],
    [`${'🙂'.repeat(96)}.txt`, `${'🙂'.repeat(96)}.txt`, 'txt'],
  ];
  for (const [raw, filename, extension] of table)
    assert.deepEqual(parseFilename(raw), { ok: true, filename, extension });
});

test('an unsafe filename is refused with the reason', () => {
  const control = '`filename` cannot contain slashes, line breaks or other control characters';
  const extension = '`filename` must end with a file extension. For example, filename.csv';
  const table: [string, string][] = [
    ['../etc/passwd.txt', control],
    ['..\\boot.txt', control],
    ['a\r\nSet-Cookie: b.txt', control],
    ['a\0.txt', control],
    ['a\u0085.txt', control],
    ['a\ud800.txt', control],
    ['invoice\u202efdp.exe.txt', control],
    ['a\u2028b.txt', control],
    ['.txt', extension],
    ['a.', extension],
    ['a.pdf.', extension],
    ['..', extension],
    ['minutes', extension],
    ['', extension],
    [`${'a'.repeat(97)}.txt`, '`filename` cannot be longer than 100 characters'],
    [`${'🙂'.repeat(100_000)}.txt`, '`filename` cannot be longer than 100 characters'],
  ];
  for (const [raw, error] of table)
    assert.deepEqual(parseFilename(raw), { ok: false, error }, JSON.stringify(raw));
});

test('a download is an attachment under its filename, in ASCII for old programs', () => {
  const table: [string, string][] = [
    ['minutes.csv', `attachment; filename="minutes.csv"; filename*=UTF-8''minutes.csv`],
    [
      'a";b%41\'(1)*.txt',
      `attachment; filename="a__b_41'(1)*.txt"; filename*=UTF-8''a%22%3Bb%2541%27%281%29%2A.txt`,
    ],
    ['café 🙂.txt', `attachment; filename="cafe _.txt"; filename*=UTF-8''caf%C3%A9%20%F0%9F%99%82.txt`],
  ];
  for (const [filename, expected] of table) assert.equal(contentDisposition(filename), expected);
});
