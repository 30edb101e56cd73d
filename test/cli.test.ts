import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import { compileCache } from './support/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'despatch-cli-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command with no database available. */
function run(...args: string[]): { code: number | null; out: string; err: string } {
  const main = join(import.meta.dirname, '../src/main.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: compileCache,
  });
  return { code: status, out: stdout, err: stderr };
}

function file(name: string, text: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('the command line', () => {
  test('an unknown command or option is refused with an error message and code 1', () => {
    for (const args of [
      ['fly'],
      ['start', '--rolls', 'api'],
      ['start', '--roles', 'pilot'],
      ['start', '--queues', 'x'],
    ]) {
      const { code, err } = run(...args);
      assert.equal(code, 1);
      assert.doesNotMatch(err, /\n {4}at /);
      assert.match(err, /\.\n$/);
    }
  });

  test('`despatch` runs from any folder and through a link, with bounded memory and the exit code of the command', () => {
    const link = join(folder, 'despatch');
    symlinkSync(join(import.meta.dirname, '../bin/despatch'), link);
    const shown =
      "data:text/javascript,console.error(process.execArgv.join(' '),process.env.MALLOC_ARENA_MAX)";
    const { status, stderr } = spawnSync(link, ['token', '--key', 'a key'], {
      cwd: tmpdir(),
      encoding: 'utf8',
      env: {
        ...{ PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter), ...compileCache },
        NODE_OPTIONS: `--import="${shown}"`,
      },
    });
    assert.match(
      stderr,
      /^--max-semi-space-size=16 --no-minor-gc-task --heap-growing-percent=100 --no-allocation-site-pretenuring 2\n/,
    );
    assert.match(stderr, / has no a key key\. /);
    assert.equal(status, 1);
  });

  test('an invalid setting stops the start with an error message that names it', () => {
    const main = join(import.meta.dirname, '../src/main.ts');
    const { status, stderr } = spawnSync(process.execPath, [main, 'start'], {
      encoding: 'utf8',
      env: { ...compileCache, PORT: 'many' },
    });
    assert.equal(status, 1);
    assert.equal(stderr, 'PORT must be a whole number from 0 to 65535, not "many".\n');
  });

  test('`template render` shows a text with its fragments and units', () => {
    const template = file('tide.md', 'Hi ((name)), high tide at ((time))');
    const data = file('tide.json', '{"name": "Rowan", "time": "14:05"}');
    const { code, out } = run(
      'template',
      'render',
      '--file',
      template,
      '--type',
      'sms',
      '--data',
      data,
      '--prefix',
      'Harbour',
    );
    assert.equal(
      out,
      'Harbour: Hi Rowan, high tide at 14:05\n\n37 characters, gsm-7, 1 fragment, 1 cost unit within the UK\n',
    );
    assert.equal(code, 0);
  });

  test('`template render` shows an email as text, or its HTML alone', () => {
    const template = file('mail.md', 'Subject: Hello ((name))\n\n# Tide\n\nat ((time))');
    const data = file('mail.json', '{"name": "Rowan", "time": "14:05"}');
    const args = ['template', 'render', '--file', template, '--type', 'email', '--data', data];
    assert.match(run(...args).out, /^Subject: Hello Rowan\n\n[\s\S]*at 14:05\n/);
    assert.match(run(...args, '--html').out, /^<!DOCTYPE html>[\s\S]*<\/html>\s*$/i);
  });

  test('`template render` reports missing personalisation with code 1', () => {
    const template = file('tide.md', 'Hi ((name)), high tide at ((time))');
    const { code, err } = run('template', 'render', '--file', template, '--type', 'sms');
    assert.equal(code, 1);
    assert.match(err, /Missing personalisation: name, time/);
  });

  test('`csv check` checks a file of recipients row by row', () => {
    const template = file('tide.md', 'Hi ((name)), high tide at ((time))');
    const good = file('good.csv', 'phone number,name,time\n07700900123,Rowan,14:05\n');
    const bad = file('bad.csv', 'phone number;name\n0770090;Rowan\n');
    const checked = run('csv', 'check', good, '--type', 'sms', '--template', template);
    assert.equal(checked.code, 0);
    assert.match(checked.out, /The file can be sent\.\n1 fragment, 1 cost unit\n/);
    const report = run('csv', 'check', bad, '--type', 'sms', '--template', template, '--json');
    assert.equal(report.code, 1);
    const { missingColumns, errors } = JSON.parse(report.out) as {
      missingColumns: string[];
      errors: { row: number | null; message: string }[];
    };
    assert.deepEqual(missingColumns, ['time']);
    assert.ok(errors.some(({ row, message }) => row === 2 && message === 'Mobile number is too short'));
  });

  test('`csv check` says of a file in doubt what is wrong, where, and what to do', () => {
    const template = file('tide.md', 'Hi ((name)), high tide at ((time))');
    const header = 'phone number,name,time\n';
    const cases: [content: string | Buffer, said: RegExp][] = [
      [`${header}07700900123,Smith, John,2\n`, /row 2: The row has more cells .* ‘2’ .* commas in quotes/],
      [`${header}07700900123,"Ann,2\n07700900124,Bob,3\n`, /row 2, name: .*close the quote, or delete it/],
      [Buffer.from('name\nZoë\nJos\u0000é'), /byte 4 of line 3 is 0x00\. Save it as CSV in UTF-8\./],
      [
        Buffer.concat([Buffer.from('name\nZoë\n'), Buffer.from('Jos\xe9', 'latin1')]),
        /byte 4 of line 3 is 0xe9\. Save it as CSV in UTF-8\./,
      ],
      ['PK\x03\x04\0\0', /It looks like a workbook: save it as CSV in UTF-8\.\n$/],
      [Buffer.alloc(11_000_000, 'a\n'), /up to 10,485,760 bytes, your file has 11,000,000\)\.\n$/],
      [
        `${header}07700900123,"Ann,2\n${'07700900124,Bob,3\n'.repeat(9_000)}`,
        /\(row 2 has a cell .* quote that is not closed\)\.\n$/,
      ],
    ];
    for (const [content, said] of cases) {
      const path = file('doubt.csv', content);
      const { code, out, err } = run('csv', 'check', path, '--type', 'sms', '--template', template);
      assert.match(`${out}${err}`, said);
      assert.equal(code, 1);
    }
    for (const path of [folder, join(folder, 'none.csv')]) {
      const { code, err } = run('csv', 'check', path, '--type', 'sms', '--template', template);
      assert.match(err, /^\S+ cannot be read: (?:it is a folder|there is no such file)\.\n$/);
      assert.equal(code, 1);
    }
  });

  test('a file that is not UTF-8 is refused, and a byte order mark does not change a template', () => {
    const latin = file('latin.md', Buffer.from('Subject: Hello\n\nJos\xe9', 'latin1'));
    const marked = file('marked.md', '\ufeffSubject: Hello\n\nJosé');
    const render = (path: string, ...more: string[]) =>
      run('template', 'render', '--file', path, '--type', 'email', ...more);
    assert.match(render(marked).out, /^Subject: Hello\n\nJosé\n/);
    assert.match(
      render(latin).err,
      /^--file names .*latin\.md, which is not text in UTF-8: byte 4 of line 3 is 0xe9\. Save it/,
    );
    assert.match(
      render(marked, '--data', latin).err,
      /^--data names .*latin\.md, which is not text in UTF-8/,
    );
    assert.match(
      render(marked, '--subject', 'Jos\ufffd').err,
      /^The argument 'Jos\ufffd' is not text in UTF-8\./,
    );
  });
});
