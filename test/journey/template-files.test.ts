import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import type { AdminCall } from '../../src/cli/admin-call.ts';
import { differencesOf, openBoth } from '../../src/cli/template-files/actions.ts';
import { pull } from '../../src/cli/template-files/pull.ts';
import { push } from '../../src/cli/template-files/push.ts';
import { type Done, reportOf } from '../../src/cli/template-files/report.ts';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { compileCache } from '../support/process.ts';
import { createWorld, environment, type World } from '../support/world.ts';

type Shown = {
  id: string;
  name: string;
  content: string;
  version: number;
  archived: boolean;
  folder: string;
};

describe('templates in files', () => {
  let world: World;
  let serviceId: string;
  let dir: string;
  const dirs: string[] = [];

  before(async () => {
    world = await createWorld({ roles: ['api'] });
  });
  after(async () => {
    await world?.stop();
    for (const one of dirs) rmSync(one, { recursive: true, force: true });
  });
  beforeEach(async () => {
    const made = await world.admin('POST', '/service', {
      ...{ name: `Harbour ${dirs.length}`, message_limit: 50, restricted: false },
      ...{ user_id: platformUserId, created_by: platformUserId },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    serviceId = made.body.data.id;
    dir = mkdtempSync(join(tmpdir(), 'despatch-templates-'));
    dirs.push(dir);
  });

  const path = (more = '') => `/service/${serviceId}/template${more}`;
  async function make(name: string, content: string, more: object = {}): Promise<Shown> {
    const body = { name, content, template_type: 'sms', created_by: platformUserId, ...more };
    const answer = await world.admin('POST', path(), body);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.data;
  }
  async function change(id: string, body: object): Promise<void> {
    assert.equal((await world.admin('POST', path(`/${id}`), body)).status, 200);
  }
  const shown = async (id: string): Promise<Shown> => (await world.admin('GET', path(`/${id}`))).body.data;
  const live = async (): Promise<Shown[]> => (await world.admin('GET', path())).body.data;
  async function makeFolder(name: string, parent_id: string | null = null): Promise<string> {
    const answer = await world.admin('POST', `/service/${serviceId}/template-folder`, { name, parent_id });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.data.id;
  }
  async function move(template: string, folder: string): Promise<void> {
    const body = { templates: [template], folders: [] };
    const to = `/service/${serviceId}/template-folder/${folder}/contents`;
    assert.equal((await world.admin('POST', to, body)).status, 204);
  }

  const call: AdminCall = (method, route, body) => world.admin(method, route, body as object);
  const open = () => openBoth(call, { service: serviceId, dir });
  async function pullAll({ force = false } = {}): Promise<readonly Done[]> {
    const { server, folder } = await open();
    return await pull(call, server, folder, { force });
  }
  async function pushAll({ archiveMissing = false, dryRun = false } = {}): Promise<readonly Done[]> {
    const { server, folder } = await open();
    return await push(call, server, folder, { archiveMissing, dryRun });
  }
  const outcomes = (all: readonly Done[]) =>
    all
      .map(({ file, name, outcome }) => `${file === null ? name : file.slice(dir.length + 1)} ${outcome}`)
      .sort();
  const read = (fileName: string) => readFileSync(join(dir, fileName), 'utf8');
  const write = (fileName: string, text: string) => writeFileSync(join(dir, fileName), text);
  const edit = (fileName: string, from: string, to: string) => {
    assert.ok(read(fileName).includes(from));
    write(fileName, read(fileName).replace(from, to));
  };

  test('a pull writes every template that is not deleted, to the byte, and a second one changes nothing', async () => {
    const content = 'id: no header\r\n\r\n  \u2028((name)) \t\n\n';
    const winter = await makeFolder('Winter/Spring', await makeFolder('Tides'));
    const email = { template_type: 'email', subject: 'Tide\nat ((time))', has_unsubscribe_link: true };
    await make('High tide', content, { ...email, process_type: 'priority', parent_folder_id: winter });
    await make('Low tide', 'low');
    await make('LOW TIDE!', 'lower');
    await change((await make('Gone', 'gone')).id, { archived: true });

    assert.deepEqual(outcomes(await pullAll()), [
      'high-tide.md written',
      'low-tide-2.txt written',
      'low-tide.txt written',
    ]);
    assert.deepEqual(readdirSync(dir).sort(), ['high-tide.md', 'low-tide-2.txt', 'low-tide.txt']);
    const text = read('high-tide.md');
    assert.ok(text.endsWith(`\n\n${content}`));
    for (const line of [
      'name: High tide',
      'type: email',
      'subject: "Tide\\nat ((time))"',
      'version: 1',
      'priority: yes',
      'unsubscribe: yes',
      'folder: Tides/Winter\\/Spring',
    ])
      assert.ok(text.includes(`${line}\n`), line);
    assert.match(read('low-tide.txt'), /\n\nlow$/);
    assert.deepEqual(new Set((await pullAll()).map(({ outcome }) => outcome)), new Set(['unchanged']));
    assert.deepEqual(new Set((await pushAll()).map(({ outcome }) => outcome)), new Set(['unchanged']));
  });

  test('a pull takes what the server has changed, into the same file whatever its name', async () => {
    const { id } = await make('High tide', 'one');
    await pullAll();
    await change(id, { name: 'Higher tide', content: 'two' });
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.txt kept']);
    assert.deepEqual(outcomes(await pullAll()), ['high-tide.txt written']);
    assert.match(read('high-tide.txt'), /name: Higher tide\n[\s\S]*version: 2\n[\s\S]*\n\ntwo$/);
  });

  test('a pull leaves a file with edits that were not pushed, and says so, until it is forced', async () => {
    const { id } = await make('High tide', 'one');
    await make('Low tide', 'low');
    await pullAll();
    edit('high-tide.txt', '\n\none', '\n\nmine');
    await change(id, { content: 'theirs' });
    const edited = read('high-tide.txt');
    const all = await pullAll();
    assert.deepEqual(outcomes(all), ['high-tide.txt kept', 'low-tide.txt unchanged']);
    assert.match(reportOf(all), /^kept +\S+high-tide\.txt: it has edits that are not on the server/);
    assert.equal(read('high-tide.txt'), edited);
    assert.ok(all.some(({ failed }) => failed));
    assert.deepEqual(outcomes(await pullAll({ force: true })), [
      'high-tide.txt written',
      'low-tide.txt unchanged',
    ]);
    assert.match(read('high-tide.txt'), /theirs$/);
  });

  test('a push makes an edit the next version, writes its number down, and repeats nothing', async () => {
    const { id } = await make('High tide', 'one', { template_type: 'email', subject: 'Tide' });
    await pullAll();
    edit('high-tide.md', 'subject: Tide', 'subject: The tide');
    edit('high-tide.md', 'priority: no', 'priority: yes');
    edit('high-tide.md', '\n\none', '\n\ntwo  \r\n');
    assert.deepEqual(outcomes(await pushAll({ dryRun: true })), ['high-tide.md changed']);
    assert.equal((await shown(id)).version, 1);
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.md changed']);
    const now = (await shown(id)) as unknown as Record<string, unknown>;
    assert.deepEqual(
      [now['version'], now['subject'], now['content'], now['process_type']],
      [2, 'The tide', 'two  \r\n', 'priority'],
    );
    assert.match(read('high-tide.md'), /^version: 2$/m);
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.md unchanged']);
    assert.deepEqual(outcomes(await pullAll()), ['high-tide.md unchanged']);
  });

  test('a push refuses what somebody has changed since, shows it, and takes it once the file names that version', async () => {
    const { id } = await make('High tide', 'one\ncommon\n');
    await pullAll();
    edit('high-tide.txt', 'one', 'mine');
    await change(id, { content: 'theirs\ncommon\n' });
    const edited = read('high-tide.txt');
    const [refused] = await pushAll();
    assert.deepEqual([refused!.outcome, refused!.failed], ['not done', true]);
    assert.match(
      reportOf([refused!]),
      /it is at version 2, the file at version 1[\s\S]*\n-theirs\n\+mine\n common/,
    );
    assert.equal(read('high-tide.txt'), edited);
    assert.equal((await shown(id)).content, 'theirs\ncommon\n');
    edit('high-tide.txt', 'version: 1', 'version: 2');
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.txt changed']);
    assert.equal((await shown(id)).content, 'mine\ncommon\n');
  });

  test('a change of somebody else that arrives while a push runs is not undone by it', async () => {
    const { id } = await make('High tide', 'one');
    await pullAll();
    edit('high-tide.txt', '\n\none', '\n\nmine');
    const { server, folder } = await open();
    // What the server had when this push looked is not what it has when the change arrives.
    await change(id, { content: 'theirs' });
    const [late] = await push(call, server, folder, { archiveMissing: false, dryRun: false });
    assert.deepEqual([late!.outcome, late!.failed], ['not done', true]);
    assert.equal((await shown(id)).content, 'theirs');
  });

  test('a file that is edited while a push or a pull runs is not written', async () => {
    const { id } = await make('High tide', 'one');
    await pullAll();
    edit('high-tide.txt', '\n\none', '\n\ntwo');
    const before = await open();
    edit('high-tide.txt', '\n\ntwo', '\n\nthree');
    const edited = read('high-tide.txt');
    const [late] = await push(call, before.server, before.folder, { archiveMissing: false, dryRun: false });
    assert.deepEqual([late!.outcome, late!.failed], ['not done', true]);
    assert.match(late!.why!, /high-tide\.txt was edited while this command ran/);
    const { server } = await open();
    const forced = pull(call, server, before.folder, { force: true });
    await assert.rejects(forced, /high-tide\.txt was edited while this command ran/);
    assert.equal(read('high-tide.txt'), edited);
    assert.equal((await shown(id)).content, 'two');
  });

  test('a push makes templates of files without an id, and writes the id into them', async () => {
    await makeFolder('Tides');
    const file = 'name: High tide\ntype: sms\nfolder: Tides\n\nHigh at ((time))';
    write('new.txt', file);
    assert.deepEqual(outcomes(await pushAll()), ['new.txt created']);
    const [made] = await live();
    assert.match(
      read('new.txt'),
      new RegExp(`^id: ${made!.id}\n(?:.*\n)*version: 1\n(?:.*\n)*folder: Tides\n`, 'm'),
    );
    assert.ok(read('new.txt').endsWith('\n\nHigh at ((time))'));
    assert.notEqual(made!.folder, null);
    // As after a push that came no further than making it.
    write('new.txt', file);
    assert.deepEqual(outcomes(await pushAll()), ['new.txt noted']);
    assert.equal((await live()).length, 1);
    assert.match(read('new.txt'), new RegExp(`^id: ${made!.id}\n`));
    // A copy of a file is refused before anything is done.
    write('copy.txt', read('new.txt'));
    await assert.rejects(pushAll(), /copy\.txt and \S+new\.txt have the same id/);
  });

  test('what the server refuses is told in its words and does not stop the rest; the next push continues', async () => {
    await make('High tide', 'one');
    await make('Low tide', 'low');
    await pullAll();
    edit('high-tide.txt', '\n\none', `\n\n${'x'.repeat(919)}`);
    edit('low-tide.txt', '\n\nlow', '\n\nlower');
    write('z.txt', 'name: Neap\ntype: sms\n\nneap');
    const all = await pushAll();
    assert.deepEqual(outcomes(all), ['high-tide.txt not done', 'low-tide.txt changed', 'z.txt created']);
    assert.match(reportOf(all), /content: Content has a character count greater than the limit of 918/);
    edit('high-tide.txt', 'x'.repeat(919), 'two');
    assert.deepEqual(outcomes(await pushAll()), [
      'high-tide.txt changed',
      'low-tide.txt unchanged',
      'z.txt unchanged',
    ]);
  });

  test('a template that is archived on the server leaves its file alone, and its file does not bring it back', async () => {
    const { id } = await make('High tide', 'one');
    await pullAll();
    await change(id, { archived: true });
    const before = read('high-tide.txt');
    for (const run of [pullAll, pushAll]) {
      const [only] = await run();
      assert.deepEqual([only!.outcome, only!.failed], ['kept', false]);
      assert.match(only!.why!, /archived on the server/);
    }
    assert.equal(read('high-tide.txt'), before);
    edit('high-tide.txt', '\n\none', '\n\ntwo');
    const [edited] = await pushAll();
    assert.deepEqual([edited!.outcome, edited!.failed], ['not done', true]);
    assert.equal((await shown(id)).archived, true);
  });

  test('templates without a file are archived only when asked, last, and never by a folder of other templates', async () => {
    const { id } = await make('High tide', 'one');
    const low = await make('Low tide', 'low');
    const all = { archiveMissing: true };
    write('new.txt', 'name: Neap\ntype: sms\n\nneap');
    assert.deepEqual(outcomes(await pushAll(all)), [
      'High tide not done',
      'Low tide not done',
      'new.txt created',
    ]);
    await pullAll();
    rmSync(join(dir, 'low-tide.txt'));
    assert.deepEqual(outcomes(await pushAll()), [
      'Low tide only on the server',
      'high-tide.txt unchanged',
      'new.txt unchanged',
    ]);
    edit('high-tide.txt', '\n\none', `\n\n${'x'.repeat(919)}`);
    assert.ok(outcomes(await pushAll(all)).includes('Low tide not done'));
    edit('high-tide.txt', 'x'.repeat(919), 'one');
    assert.ok(outcomes(await pushAll({ ...all, dryRun: true })).includes('Low tide archived'));
    assert.equal((await shown(low.id)).archived, false);
    assert.ok(outcomes(await pushAll(all)).includes('Low tide archived'));
    assert.equal((await shown(low.id)).archived, true);
    assert.equal((await shown(id)).archived, false);
  });

  test('a file moves its template to another folder, and does not undo a move that it does not know of', async () => {
    const tides = await makeFolder('Tides');
    const spring = await makeFolder('Spring');
    const { id } = await make('High tide', 'one', { parent_folder_id: tides });
    await pullAll();
    await move(id, spring);
    edit('high-tide.txt', '\n\none', '\n\ntwo');
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.txt changed']);
    assert.equal((await shown(id)).folder, spring);
    assert.match(read('high-tide.txt'), /^folder: Spring$/m);
    edit('high-tide.txt', 'folder: Spring', `folder: ${tides}`);
    edit('high-tide.txt', '\n\ntwo', '\n\nthree');
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.txt changed']);
    assert.match(read('high-tide.txt'), /^folder: Tides$/m);
    edit('high-tide.txt', 'folder: Tides\n', '');
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.txt moved']);
    assert.deepEqual([(await shown(id)).folder, (await shown(id)).version], [null, 3]);
    edit('high-tide.txt', 'pulled: ', 'folder: Nowhere\npulled: ');
    edit('high-tide.txt', '\n\nthree', '\n\nfour');
    const [half] = await pushAll();
    assert.match(half!.why!, /it was changed, but not moved: the service has no folder "Nowhere"/);
    assert.deepEqual(outcomes(await pullAll()), ['high-tide.txt kept']);
    await makeFolder('Nowhere');
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.txt moved']);
    assert.deepEqual(outcomes(await pushAll()), ['high-tide.txt unchanged']);
  });

  test('a diff shows what a push would change, as text that cannot act on a terminal', async () => {
    await make('High tide', 'one\ntwo\n');
    await make('Low tide', 'low \u001b[2J');
    await pullAll();
    const differences = async () => {
      const { server, folder } = await open();
      return await differencesOf(call, server, folder.files);
    };
    assert.deepEqual(await differences(), []);
    edit('high-tide.txt', 'two', '2');
    rmSync(join(dir, 'low-tide.txt'));
    const [changed, missing, ...more] = await differences();
    assert.deepEqual(more, []);
    assert.match(changed!.difference, /^--- server: High tide \(version 1\)\n\+\+\+ \S+high-tide\.txt\n/);
    assert.match(changed!.difference, / \n one\n-two\n\+2\n$/);
    assert.match(
      missing!.difference,
      /\+\+\+ no file\n[\s\S]*-name: Low tide\n[\s\S]*-low ␛\[2J\n\\ No newline/,
    );
  });

  test('the commands end with code 1 where the files and the server differ or something was not done', async () => {
    await make('High tide', 'one');
    const main = join(import.meta.dirname, '../../src/main.ts');
    const settings = environment(world.databaseUrl, world.dataDir);
    const command = (action: string, ...more: string[]) => {
      const args = [main, 'template', action, '--service', serviceId, '--dir', dir, ...more];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, {
        encoding: 'utf8',
        env: { ...compileCache, ...settings },
      });
      return { status, out: stdout, err: stderr };
    };
    const pulled = command('pull');
    assert.deepEqual([pulled.status, pulled.err], [0, '']);
    assert.match(pulled.out, /^written +\S+high-tide\.txt +version 1\n1 written\n$/);
    edit('high-tide.txt', '\n\none', `\n\n${'x'.repeat(919)}`);
    const differing = command('diff');
    assert.equal(differing.status, 1);
    assert.match(differing.out, /^--- server: High tide \(version 1\)\n/);
    const refused = command('push', '--json');
    assert.equal(refused.status, 1);
    const [told] = JSON.parse(refused.out) as Done[];
    assert.deepEqual([told!.outcome, told!.failed], ['not done', true]);
  });
});
