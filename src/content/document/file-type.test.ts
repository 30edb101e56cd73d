import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sniff } from './file-type.ts';

/** A zip archive with these files, uncompressed. */
function zipOf(files: Readonly<Record<string, string>>, comment = ''): Buffer {
  const local: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50);
    head.writeUInt32LE(content.length, 18);
    head.writeUInt32LE(content.length, 22);
    head.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    local.push(head, Buffer.from(name + content));
    directory.push(entry, Buffer.from(name));
    offset += head.length + name.length + content.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt32LE(offset, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...local, ...directory, end, Buffer.from(comment)]);
}

const compound = (...streams: string[]) =>
  Buffer.concat([
    Buffer.from('d0cf11e0a1b11ae1', 'hex'),
    Buffer.alloc(504),
    ...streams.map((name) => Buffer.from(`${name}\0\0\0\0`, 'utf16le')),
  ]);
const types = { '[Content_Types].xml': '<Types/>' };
const odt = 'application/vnd.oasis.opendocument.text';

test('the kind of a file is decided by its bytes', () => {
  const table: [string, Buffer, readonly string[]][] = [
    ['PDF', Buffer.from('%PDF-1.7\n\0\xff', 'latin1'), ['pdf']],
    ['PNG', Buffer.from('89504e470d0a1a0a00', 'hex'), ['png']],
    ['JPEG', Buffer.from('ffd8ffe000104a464946', 'hex'), ['jpeg']],
    ['RTF', Buffer.from('{\\rtf1 hello}'), ['rtf']],
    ['Word 97', compound('WordDocument'), ['doc']],
    ['Excel 97', compound('Workbook'), ['xls']],
    ['Excel 95', compound('Book'), ['xls']],
    ['Excel with a Word document in it', compound('Workbook', 'WordDocument'), ['doc', 'xls']],
    ['PowerPoint', compound('PowerPoint Document'), []],
    ['Windows installer', compound('!_StringPool'), []],
    ['Word', zipOf({ ...types, 'word/document.xml': '<x/>' }), ['docx']],
    ['Word with a comment', zipOf({ ...types, 'word/document.xml': '<x/>' }, 'a comment'), ['docx']],
    ['Excel', zipOf({ ...types, 'xl/workbook.xml': '<x/>' }), ['xlsx']],
    ['OpenDocument text', zipOf({ mimetype: odt, 'content.xml': '<x/>' }), ['odt']],
    ['OpenDocument template', zipOf({ mimetype: `${odt}-template`, 'content.xml': '<x/>' }), []],
    ['PowerPoint, new', zipOf({ ...types, 'ppt/presentation.xml': '<x/>' }), []],
    ['another archive', zipOf({ 'word.exe': 'MZ' }), []],
    ['names that are only in a file', zipOf({ 'a.txt': '[Content_Types].xml word/document.xml' }), []],
    ['a zip cut short', zipOf({ ...types, 'word/document.xml': '<x/>' }).subarray(0, 60), []],
    ['only the beginning of a zip', Buffer.from('504b0304', 'hex'), []],
    ['text', Buffer.from('Tide at 14:05\r\n\tand at 2:31\f'), ['text']],
    ['UTF-8', Buffer.from('\ufeffcafé – ½ 🙂'), ['text']],
    ['Windows-1252', Buffer.from('caf\xe9 \x93x\x94', 'latin1'), ['text']],
    ['UTF-16', Buffer.from('\ufeffname,tide\r\n', 'utf16le'), ['text']],
    ['UTF-16, the other way', Buffer.from('\ufeffname', 'utf16le').swap16(), ['text']],
    ['half of UTF-16', Buffer.from('fffe6100d8', 'hex'), []],
    ['HTML', Buffer.from('\ufeff \n<!DOCTYPE html><script>alert(1)</script>'), []],
    ['HTML in UTF-16', Buffer.from('\ufeff<html>', 'utf16le'), []],
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'), []],
    ['XML', Buffer.from('<?xml version="1.0"?><a/>'), []],
    ['text that begins with a sign', Buffer.from('<3 you'), ['text']],
    ['a program', Buffer.from('MZ\x90\0\x03'), []],
    ['another program', Buffer.from('7f454c46020101', 'hex'), []],
    ['an escape sequence', Buffer.from('\x1b[31mred'), []],
    ['nothing', Buffer.alloc(0), ['text']],
  ];
  for (const [name, bytes, expected] of table) assert.deepEqual(sniff(bytes), expected, name);
});

test('damaged zip and compound files never make the detection of the kind throw', () => {
  const sources = [zipOf({ ...types, 'word/document.xml': '<x/>' }), compound('WordDocument')];
  for (const source of sources)
    for (let at = 0; at < source.length; at += 1)
      for (const byte of [0x00, 0x7f, 0xff]) {
        const damaged = Buffer.from(source);
        damaged[at] = byte;
        assert.ok(Array.isArray(sniff(damaged)));
        assert.ok(Array.isArray(sniff(source.subarray(0, at))));
      }
});
