import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { startJob, tideRows } from '../support/jobs.ts';
import { createWebWorld, everyPermission, type Seen, type Visitor, type WebWorld } from '../support/web.ts';

suite('files made for me (spec 07, section 6)', () => {
  let world: WebWorld;
  let reader: Visitor;
  let path: string;

  before(async () => {
    world = await createWebWorld();
    reader = await world.person(['view_activity']);
    path = `/services/${world.tenant.id}/downloads`;
    await startJob(world, world.tenant, tideRows(3));
    await world.drain();
  });
  after(() => world.stop());

  const shown = ({ text }: Seen) =>
    text
      .slice(text.indexOf('<main'))
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ');

  test('a file is asked for, made, taken and deleted after a question', async () => {
    assert.match(
      shown(await reader.get(path)),
      /No file has been made yet\. Choose below which messages it is to list\./,
    );
    const asked = await reader.follow(
      await reader.submit(path, { type: 'sms', status: 'delivered', days: '6' }),
    );
    assert.match(shown(asked), /You can leave this page meanwhile/);
    const made = await world.until(
      () => reader.get(path),
      ({ text }) => />Ready</.test(text),
    );
    assert.match(shown(made), /Text messages, delivered, from .* Ready 3/);
    assert.match(made.text, /at\s02:00\s(GMT|BST)|at\s03:00\sBST/);
    const csv = await reader.get(/href="([^"]+\/csv)"/.exec(made.text)![1]!);
    assert.match(csv.headers.get('content-disposition') ?? '', /^attachment/);
    assert.equal(csv.text.trim().split('\r\n').length, 4);
    const question = /href="([^"]+\/delete)"/.exec(made.text)![1]!;
    assert.match(shown(await reader.get(question)), /gone at once, for everybody in the service/);
    const gone = await reader.follow(await reader.submit(question, {}));
    assert.match(shown(gone), /The file was deleted\..*No file has been made/);
    assert.equal((await reader.get(question)).status, 404);
  });

  test('an open page brings the list up to date', async () => {
    await reader.submit(path, { type: 'email', status: 'all', days: '' });
    const live = await world.until(
      () => reader.get(`${path}?_live=0`),
      ({ text }) => />Ready</.test(text),
    );
    assert.match(live.text, /^<div id="downloads"/);
    assert.doesNotMatch(live.text, /_token/);
  });

  test('what is not chosen is said at its field', async () => {
    const answer = await reader.submit(path, { type: 'fax', status: 'odd', days: '12' });
    assert.equal(answer.status, 400);
    for (const field of ['type', 'status', 'days']) assert.match(answer.text, new RegExp(`href="#${field}"`));
  });

  test('a service keeps ten, and the eleventh is refused with what to do', async () => {
    for (const days of ['', '0', '6', '29'])
      for (const status of ['all', 'delivered', 'failed'])
        await reader.submit(path, { type: 'sms', status, days });
    const answer = await reader.submit(path, { type: 'sms', status: 'sending', days: '' });
    assert.equal(answer.status, 400);
    assert.match(answer.text, /A service can keep 10 reports: delete one before asking for another/);
  });

  test('only who may see the messages gets there, in their own service', async () => {
    const sender = await world.person(['send_texts', 'send_emails']);
    const refused = await sender.get(path);
    assert.equal(refused.status, 403);
    assert.match(refused.text, /“See messages and figures”/);
    const other = await world.addTenant();
    const stranger = await world.person(everyPermission, other.id);
    const report = /downloads\/([0-9a-f-]{36})\//.exec((await reader.get(path)).text)![1]!;
    for (const more of ['', `/${report}/csv`, `/${report}/delete`])
      assert.equal((await stranger.get(path + more)).status, 404);
    for (const more of [`/${report}/csv`, `/${report}/delete`])
      assert.equal((await stranger.get(path.replace(world.tenant.id, other.id) + more)).status, 404);
    assert.equal((await reader.get(`${path}/${randomUUID()}/csv`)).status, 404);
    assert.equal((await (await world.person('operator', world.tenant.id)).get(path)).status, 403);
  });
});
