import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { readTextFile } from '../../ground/text.ts';
import {
  fileNameFor,
  fingerprintOf,
  formatTemplateFile,
  isEdited,
  type KeptTemplate,
  parseTemplateFile,
  saySame,
} from './file-format.ts';

const id = randomUUID();
const tide: KeptTemplate = {
  ...{ id, version: 3, name: 'High tide', type: 'email', subject: 'Tide at ((time))' },
  ...{ priority: false, unsubscribe: true, folder: 'Tides/Winter', content: '# Tide\n\nat ((time))\n' },
};

/** Texts that a line-based format could get wrong. PostgreSQL keeps neither null characters nor lone surrogates. */
const piece = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
  fc.constantFrom(
    '\n',
    '\r\n',
    '\r',
    '\n\n',
    ' ',
    '\t',
    '"',
    '\\',
    ':',
    'id: x\n',
    '---\n',
    'subject: "',
    'é',
  ),
  fc.constantFrom('\u2028', '\u0085', '\ufeff', '\u00a0', '\u{1f30a}', 'e\u0301'),
);
const anyText = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
const anyTemplate: fc.Arbitrary<KeptTemplate> = fc
  .record({
    ...{ name: anyText, type: fc.constantFrom('sms' as const, 'email' as const), subject: anyText },
    ...{ priority: fc.boolean(), unsubscribe: fc.boolean(), folder: fc.option(anyText), content: anyText },
    ...{ id: fc.uuid(), version: fc.integer({ min: 1, max: 999_999 }) },
  })
  .map((one) => (one.type === 'sms' ? { ...one, subject: null, unsubscribe: false } : one));

describe('a template in a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'despatch-template-file-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('has a line for each property, an empty line and the content as it is', () => {
    const file = [
      ...[`id: ${id}`, 'name: High tide', 'type: email', 'subject: Tide at ((time))', 'version: 3'],
      ...['priority: no', 'unsubscribe: yes', 'folder: Tides/Winter', `pulled: ${fingerprintOf(tide)}`],
      ...['', '# Tide', '', 'at ((time))', ''],
    ];
    assert.equal(formatTemplateFile(tide), file.join('\n'));
  });

  test('whatever a template says, its file says the same, and counts as not edited', () => {
    const path = join(folder, 'any');
    fc.assert(
      fc.property(anyTemplate, (template) => {
        const text = formatTemplateFile(template);
        const file = parseTemplateFile(text, 'x');
        assert.deepEqual(file, { ...template, pulled: fingerprintOf(template) });
        assert.equal(isEdited(file), false);
        assert.equal(formatTemplateFile(file), text);
        // Byte for byte on disk too.
        writeFileSync(path, text);
        assert.equal(readTextFile(path), text);
      }),
      { numRuns: 500 },
    );
  });

  test('any change of what it says or of its version counts as an edit', () => {
    const edits: Partial<KeptTemplate>[] = [
      ...[{ name: 'Low tide' }, { subject: '' }, { priority: true }, { unsubscribe: false }],
      ...[{ folder: null }, { content: `${tide.content}\n` }, { version: 4 }],
    ];
    const pulled = fingerprintOf(tide);
    for (const edit of edits) {
      assert.ok(isEdited({ ...tide, pulled, ...edit }), JSON.stringify(edit));
      assert.equal(saySame(tide, { ...tide, ...edit }), 'version' in edit);
    }
    assert.ok(isEdited({ ...tide, pulled: null }));
  });

  test('a new one needs only its name, type, content and, for an email, a subject', () => {
    const none = { id: null, version: null, priority: false, unsubscribe: false, folder: null, pulled: null };
    assert.deepEqual(parseTemplateFile('name: Tide\ntype: sms\n\n', 'x'), {
      ...none,
      ...{ name: 'Tide', type: 'sms', subject: null, content: '' },
    });
    assert.deepEqual(parseTemplateFile('type: email\r\nname:  Tide \r\nsubject:\r\n\r\nA\r\nB', 'x'), {
      ...none,
      ...{ name: 'Tide', type: 'email', subject: '', content: 'A\r\nB' },
    });
  });

  test('a faulty one is refused with its name, the line and what is wrong', () => {
    const table: [text: string, said: RegExp][] = [
      ['', /^a\.md: line 1 should be one of id, name, type/],
      ['Hello\n', /^a\.md: line 1 should be one of/],
      ['name: a\nsubjct: b\n\n', /line 2 should be one of/],
      ['name: a\nname: b\n\n', /line 2 repeats name/],
      ['name: a\ntype: sms', /line 2 is the last one: an empty line and the content should follow/],
      ['name: a\ntype: sms\n', /line 3 should be one of/],
      ['name: "a\n\n', /line 1 begins with a quotation mark, so it must be a JSON string/],
      ['type: sms\n\n', /the line "name: …" is missing/],
      ['name: a\ntype: fax\n\n', /type must be sms or email, not "fax"/],
      ['name: a\ntype: email\n\n', /the line "subject: …" is missing/],
      ['name: a\ntype: sms\nsubject: b\n\n', /a text message has no subject/],
      ['name: a\ntype: sms\nid: 7\n\n', /id must be a UUID, not "7"/],
      [`name: a\ntype: sms\nid: ${id}\n\n`, /the line "version: …" is missing/],
      [`name: a\ntype: sms\nid: ${id}\nversion: 0\n\n`, /version must be a whole number, not "0"/],
      ['name: a\ntype: sms\npriority: high\n\n', /priority must be yes or no, not "high"/],
    ];
    for (const [text, said] of table)
      assert.throws(() => parseTemplateFile(text, 'a.md'), { name: 'ConfigError', message: said });
  });

  test('its file is named after it, safely on every system, and no two have the same name', () => {
    const table: [name: string, type: 'sms' | 'email', fileName: string][] = [
      ['Book ready to collect', 'sms', 'book-ready-to-collect.txt'],
      ['Loan: ends ((soon))!', 'email', 'loan-ends-soon.md'],
      ['../../etc/passwd', 'email', 'etc-passwd.md'],
      ['Fähre nach Föhr', 'sms', 'fähre-nach-föhr.txt'],
      ['\u{1f30a}', 'sms', 'template.txt'],
      ['CON', 'sms', 'contemplate.txt'],
      ['x'.repeat(300), 'email', `${'x'.repeat(50)}.md`],
    ];
    for (const [name, type, fileName] of table)
      assert.equal(fileNameFor({ name, type }, new Set()), fileName);
    const taken = new Set(['tide.txt', 'tide-2.txt']);
    assert.equal(fileNameFor({ name: 'TIDE', type: 'sms' }, taken), 'tide-3.txt');
  });
});
