import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { AdminCall } from '../src/cli/admin-call.ts';
import * as guestList from '../src/cli/guest-list.ts';
import * as key from '../src/cli/key.ts';
import { type Noun, readAction } from '../src/cli/noun.ts';
import * as provider from '../src/cli/provider.ts';
import * as sender from '../src/cli/sender.ts';
import * as service from '../src/cli/service.ts';
import * as template from '../src/cli/stored-template.ts';
import * as user from '../src/cli/user.ts';
import { ConfigError } from '../src/ground/problem.ts';
import { compileCache } from './support/process.ts';
import { createWorld, environment, type World } from './support/world.ts';

let world: World;
before(async () => {
  world = await createWorld();
});
after(() => world.stop());

/** Words of a command line, and then arguments as they are. */
const wordsOf = (words: string, more: readonly string[]) => [...words.split(' '), ...more];

/** Runs `despatch …` as a process of its own on the installation of the world, which runs in this one. */
async function despatch(words: string, more: readonly string[] = [], input = '') {
  const main = join(import.meta.dirname, '../src/main.ts');
  const child = spawn(process.execPath, [main, ...wordsOf(words, more)], {
    env: {
      ...{ PATH: process.env['PATH'], ...compileCache },
      ...environment(world.databaseUrl, world.dataDir, { LOG_LEVEL: 'info' }),
    },
  });
  const closed = once(child, 'close');
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { out, err, code };
}

const nouns: Readonly<Record<string, Noun>> = Object.fromEntries(
  [service, user, key, template, sender, provider, guestList].map(({ noun }) => [noun.name, noun]),
);

const noTask = () => Promise.reject(new Error('Only a process of its own runs tasks'));

/** Does the same without a process, which takes a second to start, over HTTP. Returns what --json prints. */
async function json(words: string, ...more: string[]): Promise<any> {
  const [name, ...args] = wordsOf(words, more);
  const { run } = readAction(nouns[name!]!, args);
  return (
    await run(world.admin as AdminCall, { db: world.connection.db, clock: world.clock, runTask: noTask })
  ).data;
}

async function refused(said: RegExp, words: string, ...more: string[]) {
  await assert.rejects(
    () => json(words, ...more),
    (error) => error instanceof ConfigError && said.test(error.message),
  );
}

const parking = 'Street parking';
const ofParking = ['--service', parking];

function file(name: string, content: string): string {
  const path = join(world.dataDir, name);
  writeFileSync(path, content);
  return path;
}

describe('the command line, while a server runs', () => {
  test('an installer makes a person, a service, a template and a key, with which the official client sends at once', async () => {
    const create = 'user create --email rowan@example.com --operator --password-stdin --name';
    const made = await despatch(create, ['Rowan Reed'], 'sea charts and tides\n');
    assert.deepEqual([made.err, made.code], ['', 0]);
    assert.match(made.out, /^email_address +rowan@example\.com\n/m);
    assert.match(made.out, /^platform_admin +true\n/m);
    const person = await json('user show Rowan@Example.com');
    const { body } = await world.admin('GET', '/events');
    assert.deepEqual(body.events[0].subject_id, person.id);
    assert.deepEqual(body.events[0].data, {
      before: { platform_admin: false },
      after: { platform_admin: true },
    });
    const password = { password: 'sea charts and tides' };
    assert.equal((await world.admin('POST', `/user/${person.id}/verify/password`, password)).status, 204);

    const service = await json('service create --owner rowan@example.com --name', parking);
    assert.deepEqual([service.restricted, service.message_limit, service.users], [true, 50, [person.id]]);
    const changed = await json('service change --live --message-limit 1000', parking);
    assert.deepEqual([changed.restricted, changed.sms_message_limit], [false, 1000]);
    const path = file('tide.txt', 'High tide is at ((time))');
    const tide = await json('template create --type sms --name Tide --file', path, ...ofParking);

    const created = await despatch('key create --name Live --type normal', ofParking);
    assert.match(created.out, new RegExp(`^live-${service.id}-[0-9a-f-]{36}\\n$`));
    const client = world.clientOf(created.out.trim());
    const send = () => client.sendSms(tide.id, '07700900123', { personalisation: { time: '14:05' } });
    const { data } = await send();
    assert.equal((data['content'] as { body: string }).body, 'High tide is at 14:05');

    assert.notEqual((await json('key end Live', ...ofParking)).expiry_date, null);
    const status = () => send().then(...[() => 201, (error: any) => error.response.status]);
    await world.until(status, (answer) => answer === 403);
  });

  test('a list is aligned for people, and with --json complete', async () => {
    const [people, machines] = await Promise.all(['', ' --json'].map((as) => despatch(`service list${as}`)));
    const [head = '', ...rows] = people!.out.trim().split('\n');
    assert.match(head, /^id +name +active +restricted +message_limit +created_at$/);
    assert.ok(rows.some((row) => row.indexOf(parking) === head.indexOf('name')));
    const { body } = await world.admin('GET', '/service?order=oldest');
    assert.deepEqual(JSON.parse(machines!.out), body.data);
    assert.equal(people!.err + machines!.err, '');
  });

  test('senders, guests and providers are changed by their names', async () => {
    const reply = await json('sender create --kind email --text desk@example.com --default', ...ofParking);
    assert.equal(reply.email_address, 'desk@example.com');
    await json('sender create --kind sms --text PARKING', ...ofParking);
    const [first, second] = await json('sender list --kind sms', ...ofParking);
    assert.deepEqual([first.is_default, second.sms_sender], [true, 'PARKING']);
    const promoted = await json('sender change PARKING --kind sms --default', ...ofParking);
    assert.deepEqual([promoted.sms_sender, promoted.is_default], ['PARKING', true]);
    assert.equal((await json(`sender end ${first.sms_sender} --kind sms`, ...ofParking)).archived, true);

    await json('guest-list change', parking, '--add', 'kim@example.com, 07700 900123');
    const guests = await json('guest-list change', parking, '--remove', '07700 900123');
    assert.deepEqual(guests, { email_addresses: ['kim@example.com'], phone_numbers: [] });
    assert.deepEqual(await json('guest-list show', parking), guests);

    const [{ id }] = await json('provider list');
    const changed = await json(`provider change ${id} --priority 33 --active no --rate-limit 5`);
    assert.deepEqual([changed.priority, changed.active, changed.rate_limit], [33, false, 5]);
    const again = await json(`provider change ${id} --active yes --rate-limit none`);
    assert.deepEqual([again.priority, again.active, again.rate_limit], [33, true, null]);
  });

  test('a template gets a new version, and is ended', async () => {
    const path = file('permit.md', 'Subject: Your permit\n\nIt ends on ((date)).');
    const made = await json('template create --type email --name Permit --file', path, ...ofParking);
    assert.deepEqual([made.subject, made.content], ['Your permit', 'It ends on ((date)).']);
    const changed = await json('template change Permit --subject', 'Parking permit', ...ofParking);
    assert.deepEqual([changed.version, changed.content], [2, 'It ends on ((date)).']);
    assert.equal((await json('template end Permit', ...ofParking)).archived, true);
    await refused(/^There is no template "Permit"\.$/, 'template show Permit', ...ofParking);
  });

  test('a person is changed, unlocked, given a link to sign in, and archived', async () => {
    const kim = { name: 'Kim', email_address: 'kim@example.com', auth_type: 'email_auth' };
    await world.admin('POST', '/user', { ...kim, password: 'not easy to guess' });
    const person = await json('user change kim@example.com --phone 07700900123 --operator yes');
    assert.deepEqual([person.mobile_number, person.platform_admin], ['07700900123', true]);
    assert.equal((await json('user change Kim --operator no')).platform_admin, false);
    assert.equal((await json('user unlock Kim')).failed_login_count, 0);
    assert.match((await json('user sign-in-link Kim')).url, /^https?:\/\/\S+\/first\/\S+$/);
    assert.equal((await json('user end Kim')).state, 'inactive');
    await refused(/^An archived person cannot be an operator$/, `user change ${person.id} --operator yes`);
  });

  test('what the API refuses is said in its words, and a wrong command line says what is right', async () => {
    const create = 'service create --owner rowan@example.com';
    await refused(/^name: Duplicate service name 'Street parking'$/, `${create} --name`, parking);
    await refused(/^message_limit: Not a valid integer\.$/, `${create} --name x --message-limit many`);
    await refused(/^--name is missing\. It is: despatch service create --name <name>/, create);
    await refused(/^--name is given twice\./, `${create} --name x --name y`);
    await refused(/^<service> is missing\./, 'service show');
    await refused(/^`despatch service` has these actions: list, show, create,/, 'service fly');
    await refused(/^There is nothing to change/, 'service change', parking);
    await refused(/^There is no service "Nowhere"\.$/, 'service show Nowhere');
    const missing = '00000000-0000-4000-8000-000000000000';
    await refused(new RegExp(`^There is no person "${missing}"\\.$`), `user show ${missing}`);
    await refused(/^There is no key "x"\.$/, 'key end x', ...ofParking);
  });

  test('a name that two templates share is refused with the ids of both', async () => {
    const path = file('tide.txt', 'High tide');
    const again = await json('template create --type sms --name Tide --file', path, ...ofParking);
    const said = new RegExp(`^"Tide" is the name of more than one template\\. Give [^]*\n  ${again.id}`);
    await refused(said, 'template show Tide', ...ofParking);
    assert.equal((await json(`template show ${again.id}`, ...ofParking)).id, again.id);
  });

  test('a command that fails prints nothing but why, and ends with code 1', async () => {
    const create = 'user create --name Lee --email lee@example.com';
    const runs = await Promise.all([
      despatch('service show Nowhere'),
      despatch(`${create} --password-stdin`, [], 'password1\n'),
      despatch(create),
    ]);
    assert.deepEqual(
      runs.map(({ out, code }) => [out, code]),
      runs.map(() => ['', 1]),
    );
    assert.equal(runs[0]!.err, 'There is no service "Nowhere".\n');
    assert.equal(runs[1]!.err, 'Choose a password that is harder to guess.\n');
    assert.match(runs[2]!.err, /^There is no terminal to ask for the password: give --password-stdin/);
  });
});
