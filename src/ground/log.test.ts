import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLog, type LogTo, plainWord, requestIdOf } from './log.ts';

/** What a log writes. */
function linesOf(write: (log: ReturnType<typeof createLog>) => void, options: LogTo = {}): string[] {
  const lines: string[] = [];
  write(
    createLog(
      'debug',
      { environment: 'test' },
      { to: { write: (line) => void lines.push(line) }, ...options },
    ),
  );
  return lines;
}
const logged = (err: unknown) => JSON.parse(linesOf((log) => log.error({ err }, 'It failed'))[0]!).err;

/** An error of the database driver. */
function databaseError(code: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name: 'error', code, severity: 'ERROR', ...more });
}

test('a JSON line has level, time, application, environment, its fields and the sentence', () => {
  const [line] = linesOf((log) => log.info({ notificationId: 'n', attempt: 1 }, 'A sentence'));
  const { time, ...rest } = JSON.parse(line!);
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
  assert.deepEqual(rest, {
    level: 'info',
    application: 'despatch',
    environment: 'test',
    notificationId: 'n',
    attempt: 1,
    message: 'A sentence',
  });
});

test('a line for people has time, level, sentence and fields, with an error and its cause below', () => {
  const cause = new Error('The disk is full');
  const [plain, failed] = linesOf(
    (log) => {
      log.warn({ requestId: 'r', types: ['sms'] }, 'A sentence');
      log.error({ err: new TypeError('It broke', { cause }) }, 'It failed');
    },
    { json: false },
  );
  assert.match(plain!, /^\S+Z WARN {2}A sentence requestId=r types=\["sms"\]\n$/);
  const [first, error, frame, ...more] = failed!.split('\n');
  assert.match(first!, /^\S+Z ERROR It failed$/);
  assert.equal(error, '  TypeError: It broke');
  assert.match(frame!, /^ {6}at /);
  assert.ok(more.includes('    Error: The disk is full'));
});

test('nobody can forge a line for people or steer the terminal', () => {
  const [line] = linesOf((log) => log.info({ requestId: 'a\u001b[2J\n\u009bb' }, 'x\ny'), { json: false });
  assert.match(line!, /INFO {2}x…y requestId=a…\[2J…b\n$/);
});

test('of an error only what cannot quote a value is logged', () => {
  const secret = 'hunter2';
  const unread = (() => {
    try {
      JSON.parse(`{"a": ${secret}}`);
    } catch (error) {
      return error;
    }
    return null;
  })();
  const errors: [unknown, string][] = [
    [unread, 'The text could not be read'],
    [
      databaseError('22P02', `invalid input syntax for type uuid: "${secret}"`),
      'invalid input syntax for type uuid: "…"',
    ],
    [databaseError('22003', `value "${secret}" is out of range`), 'value "…" is out of range'],
    [new Error(`Mail to '${secret}' failed`), 'Mail to "…" failed'],
    [new Error(`550 <${secret}@example.com> unknown`), '550 <…@…> unknown'],
    [new Error(`The ${secret.length} numbers 07700 900123 and +447700900123`), 'The 7 numbers … and …'],
    [new Error(`An unclosed "quote of ${secret}`), 'An unclosed "…"'],
    [Object.assign(new Error('Refused'), { response: secret, recipient: secret, input: secret }), 'Refused'],
    [`a text with "${secret}"`, 'a text with "…"'],
  ];
  for (const [error, message] of errors) {
    const shown = logged(error);
    assert.equal(shown.message, message);
    assert.ok(!JSON.stringify(shown).includes(secret), JSON.stringify(shown));
    const nested = logged(new Error('Outer', { cause: error }));
    assert.ok(!JSON.stringify(nested).includes(secret), JSON.stringify(nested));
  }
});

test('an error of the database keeps its code and the names that help, without the row', () => {
  const message = 'duplicate key value violates unique constraint "users_email_key"';
  const detail = 'Key (email)=(hunter2) already exists.';
  const { stack, ...shown } = logged(
    databaseError('23505', message, { detail, where: detail, table: 'users', constraint: 'users_email_key' }),
  );
  assert.deepEqual(shown, {
    type: 'error',
    message,
    code: '23505',
    constraint: 'users_email_key',
    table: 'users',
  });
  assert.ok(stack.length > 0 && !stack.includes('duplicate'));
});

test('the names, ids and times in an error stay', () => {
  for (const message of [
    'relation "verify_codes" does not exist',
    'Notification 01931a2b-1234-7abc-8def-0123456789ab is not stored',
    'Waited until 2026-11-21T10:00:00.000Z for 60000 ms',
    "It couldn't be done",
  ])
    assert.equal(logged(databaseError('42P01', message)).message, message);
  assert.equal(logged(new Error("It couldn't be done")).message, "It couldn't be done");
});

test('the length of an error hardly matters: a message of a million characters takes no second', () => {
  const message = 'x'.repeat(1_000_000);
  const began = performance.now();
  assert.equal(logged(databaseError('57014', message)).message, message);
  assert.equal(logged(databaseError('57014', `${message}@y z`)).message, '…@… z');
  assert.ok(performance.now() - began < 1000);
});

test('every line on standard output is written, in order, when the process ends or exits', () => {
  const log = JSON.stringify(join(import.meta.dirname, 'log.ts'));
  const count = 5000;
  for (const end of ['', 'process.exit()']) {
    const code = `import { createLog } from ${log};
      const log = createLog('info');
      for (let i = 0; i < ${count}; i++) log.info({ i }, 'Zoë');
      ${end}`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
      encoding: 'utf8',
    });
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).i),
      Array.from({ length: count }, (_, i) => i),
    );
    assert.equal(JSON.parse(lines[0]!).message, 'Zoë');
  }
});

test('a word of somebody else is short, printable and nobody’s address', () => {
  const table = [
    ['DELIVRD', 'DELIVRD'],
    ['0102018f-aa-000000', '0102018f-aa-000000'],
    ['12345678-1234-7123-8123-123456789012', '12345678-1234-7123-8123-123456789012'],
    ['to bob@example.com', 'to …@…'],
    ['+447700900123', '…'],
    ['a\nb\u009bc', 'a…b…c'],
    ['x'.repeat(999), 'x'.repeat(100)],
  ];
  for (const [given, shown] of table) assert.equal(plainWord(given!), shown);
});

test('the id of a request is the first word of what its tasks carry', () => {
  const table: [string | null | undefined, string | undefined][] = [
    ['abc', 'abc'],
    ['abc 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 'abc'],
    [null, undefined],
    [undefined, undefined],
  ];
  for (const [carried, id] of table) assert.equal(requestIdOf(carried), id);
});
