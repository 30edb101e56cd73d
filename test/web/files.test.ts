import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { startJob, tideRows } from '../support/jobs.ts';
import { createWebWorld, everyPermission, type Seen, type Visitor, type WebWorld } from '../support/web.ts';

const hostile = `<img src=x onerror=alert(1)>"'&`;

suite('files that were sent (spec 07, section 6) and sending again (journey 5)', () => {
  let world: WebWorld;
  let reader: Visitor;
  let base: string;

  before(async () => {
    world = await createWebWorld();
    reader = await world.person(everyPermission);
    base = `/services/${world.tenant.id}`;
  });
  after(() => world.stop());

  const said = ({ text }: Seen) =>
    /<p class="govuk-notification-banner__heading">([^<]*)</.exec(text)?.[1] ?? null;
  const shown = ({ text }: Seen) =>
    text
      .slice(text.indexOf('<main'))
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ');
  const start = (count: number, more: object = {}) => startJob(world, world.tenant, tideRows(count), more);
  test('without files the list says where to begin', async () => {
    const page = await reader.get(`${base}/files`);
    assert.equal(page.status, 200);
    assert.match(shown(page), /No file has been sent yet\. Choose one of your templates/);
    const viewer = await world.person(['view_activity']);
    assert.match(shown(await viewer.get(`${base}/files`)), /They appear here once somebody sends/);
  });

  test('a held file is stopped with one button, and nothing has been sent', async () => {
    const job = await start(3, { hold_seconds: 600 });
    const page = await reader.get(`${base}/files/${job}`);
    assert.match(shown(page), /Nothing has been sent yet\. Sending begins at/);
    assert.match(page.text, /Stop, nothing has been sent/);
    const done = await reader.follow(
      await reader.submit(`${base}/files/${job}`, { held: '1' }, `${base}/files/${job}/stop`),
    );
    assert.equal(said(done), 'Stopped. Nothing has been sent.');
    assert.match(shown(done), /Stopped: nothing has been sent\./);
    const late = await reader.submit(`${base}/files/${job}`, {}, `${base}/files/${job}/stop`);
    assert.equal(late.status, 400);
    assert.match(late.text, /there is nothing left to stop/);
    const asked = await reader.get(`${base}/files/${job}/stop`);
    assert.match((await reader.follow(asked)).text, /there is nothing left to stop/);
  });

  test('once the pause is over, the button that promised that nothing was sent asks first', async () => {
    const job = await start(3);
    const asked = await reader.submit(`${base}/files`, { held: '1' }, `${base}/files/${job}/stop`);
    assert.equal(asked.status, 400);
    assert.match(asked.text, /The pause is over: sending has begun\./);
    assert.match(asked.text, /Do not stop it/);
    await world.drain();
  });

  test('a file is paused and goes on, and what it cannot do is said', async () => {
    const job = await start(3, { hold_seconds: 600 });
    const path = `${base}/files/${job}`;
    assert.match(said(await reader.follow(await reader.submit(path, {}, `${path}/pause`))) ?? '', /^Paused/);
    assert.match(shown(await reader.get(path)), /Nothing more is handed over until it is resumed/);
    assert.equal((await reader.submit(path, {}, `${path}/pause`)).status, 400);
    assert.equal(said(await reader.follow(await reader.submit(path, {}, `${path}/resume`))), 'It goes on.');
    assert.equal((await reader.submit(path, {}, `${path}/resume`)).status, 400);
    const stopPage = await reader.get(`${path}/stop`);
    assert.match(shown(stopPage), /Nothing of it has gone yet/);
    assert.match(said(await reader.follow(await reader.submit(`${path}/stop`, {}))) ?? '', /^Stopped\./);
  });

  test('the list has statuses and counts, and is filtered without the name in an address', async () => {
    const job = await start(2);
    await world.drain();
    const page = await reader.get(`${base}/files`);
    assert.match(shown(page), /tides\.csv Tide Sent 2 2 0 0/);
    assert.match((await reader.get(`${base}/files?state=done`)).text, new RegExp(job));
    assert.doesNotMatch((await reader.get(`${base}/files?state=scheduled`)).text, new RegExp(job));
    assert.match(
      shown(await reader.get(`${base}/files?state=scheduled`)),
      /No file fits\. Choose less, or look at all of them\./,
    );
    assert.match((await reader.submit(`${base}/files`, { name: 'TIDE' })).text, new RegExp(job));
    assert.doesNotMatch((await reader.submit(`${base}/files`, { name: hostile })).text, new RegExp(job));
    assert.doesNotMatch((await reader.submit(`${base}/files`, { name: hostile })).text, /<img/);
    assert.doesNotMatch((await reader.get(`${base}/files?by=me`)).text, new RegExp(job));
    assert.equal((await reader.get(`${base}/files?page=900`)).status, 200);
  });

  test('a file shows its rows by what became of them, and gives them as a file with its own columns', async () => {
    const job = await start(60);
    await world.drain();
    const path = `${base}/files/${job}`;
    const page = await reader.get(path);
    assert.match(shown(page), /All 60 text messages have been delivered\./);
    assert.match(page.text, /role="img" aria-label="All 60/);
    assert.match(shown(page), /07700 900100/);
    const next = /href="([^"]*from=50)"/.exec(page.text)![1]!;
    assert.match(shown(await reader.get(next)), /07700 900159/);
    assert.match(shown(await reader.get(`${path}?status=failed`)), /There are none\./);
    const csv = await reader.get(`${path}/csv`);
    assert.match(csv.headers.get('content-disposition') ?? '', /^attachment/);
    const lines = csv.text.trim().split('\r\n');
    assert.match(lines[0]!, /Row number,phone number,name,time,reference,/);
    assert.equal(lines.length, 61);
    assert.equal((await reader.get(`${path}/csv?status=failed`)).text.trim().split('\r\n').length, 1);
  });

  test('an open page brings its progress up to date, and no rows', async () => {
    const job = await start(2);
    await world.drain();
    const live = await world.until(
      () => reader.get(`${base}/files/${job}?_live=0`),
      ({ text }) => /have been delivered/.test(text),
    );
    assert.match(live.text, /^<div id="file-progress"/);
    assert.doesNotMatch(live.text, /07700|_token/);
  });

  suite('failed messages', () => {
    let job: string;
    let path: string;
    before(async () => {
      job = await startJob(world, world.tenant, [
        ...tideRows(2),
        ['07700900002', 'Ann', '1', 'a'],
        ['07700900002', hostile, '2', 'b'],
        ['07700900003', 'Bob', '3', 'c'],
      ]);
      await world.drain();
      path = `${base}/files/${job}`;
    });

    test('are counted by reason, ticked or sent again all at once', async () => {
      const page = await reader.get(`${path}?status=failed`);
      assert.match(shown(page), /3 of 5 text messages did not arrive\./);
      assert.match(page.text, /Why messages did not arrive/);
      assert.match(shown(page), /3 failed; most often, 2: Not delivered: the phone number does not exist/);
      assert.match(shown(page), /the phone was off or could not be reached\. Trying again may help\. 1/);
      const { text: file } = await reader.get(`${path}/reasons.csv`);
      assert.match(file, /does not exist\. Trying again will not help\.,2\r\n/);
      const list = await reader.get(`${base}/messages?status=failed&file=${job}`);
      assert.match(shown(list), /Why they failed 3 failed; most often: .*does not exist, 2/);
      assert.equal(page.text.match(/name="ids"/g)?.length, 3);
      assert.match(page.text, /Send the 3 failed ones again/);
      assert.doesNotMatch(page.text, /<img/);
    });

    test('what cannot succeed is left out unless its recipient is changed, money is counted, and each goes once', async () => {
      const again = `${base}/messages/again`;
      const check = await reader.submit(path, { job, status: 'failed' }, again);
      assert.equal(check.status, 200);
      assert.match(shown(check), /1 of 3 messages can be sent again\./);
      assert.match(shown(check), /2 cannot reach their recipients: give another one below/);
      assert.match(shown(check), /Cost £0\.024/);
      const ids = [...check.text.matchAll(/name="recipient-([^"]+)"/g)].map(([, id]) => id!);
      assert.equal(ids.length, 2);
      const was = Object.fromEntries(ids.map((id) => [`was-${id}`, '07700900002']));
      const wrong = await reader.submit(
        path,
        { job, status: 'failed', ...was, [`recipient-${ids[0]}`]: 'nobody' },
        again,
      );
      assert.equal(wrong.status, 400);
      assert.match(wrong.text, /Not a valid phone number/);
      assert.match(wrong.text, new RegExp(`href="#recipient-${ids[0]}"`));
      const filled = { job, status: 'failed', ...was, [`recipient-${ids[0]}`]: '07700 900 777' };
      const unseen = await reader.submit(path, { ...filled, sure: '1', seen: '1 0 1' }, again);
      assert.match(shown(unseen), /Something has changed since this page was made/);
      const checked = await reader.submit(path, filled, again);
      assert.match(shown(checked), /2 of 3 messages can be sent again\./);
      assert.match(checked.text, /value="07700 900 777"/);
      const seen = /name="seen" value="([^"]+)"/.exec(checked.text)![1]!;
      const sent = await reader.submit(path, { ...filled, sure: '1', seen }, again);
      assert.match(sent.location ?? '', /\/files\//);
      const file = await reader.follow(sent);
      assert.equal(said(file), '2 messages are being sent again.');
      assert.match(shown(file), /Sends again messages of another file/);
      const twice = await reader.submit(path, { ...filled, sure: '1', seen }, again);
      assert.equal(twice.status, 200);
      assert.match(shown(twice), /2 were sent again before See the file/);
      const marked = await reader.get(`${path}?status=failed`);
      assert.equal(marked.text.match(/Sent again/g)?.length, 2);
      await world.drain();
    });

    test('what may arrive twice is named', async () => {
      const { rows } = await world.connection.pool.query(
        `select id from notification_history where job_id = $1 and job_row_number = 0`,
        [job],
      );
      const check = await reader.submit(path, { ids: [rows[0].id] }, `${base}/messages/again`);
      assert.match(
        shown(check),
        /1 may arrive twice: it arrived before, or nobody knows what became of it\./,
      );
    });
  });

  test('nothing chosen, messages of others and of several templates are said', async () => {
    const again = `${base}/messages/again`;
    assert.match(shown(await reader.get(again)), /No message is chosen/);
    assert.equal((await reader.submit(`${base}/files`, {}, again)).status, 400);
    assert.equal((await reader.submit(`${base}/files`, { ids: [randomUUID()] }, again)).status, 404);
    assert.equal((await reader.submit(`${base}/files`, { job: randomUUID() }, again)).status, 404);
  });

  test('who may not send looks on; who may only send sees what they sent; operators see figures; others nothing', async () => {
    const job = await start(2);
    await world.drain();
    const path = `${base}/files/${job}`;
    const viewer = await world.person(['view_activity']);
    const seen = await viewer.get(path);
    assert.match(shown(seen), /07700 900100/);
    assert.doesNotMatch(seen.text, /name="ids"|formaction/);
    for (const step of ['stop', 'pause', 'resume', 'cancel'])
      assert.equal((await viewer.submit(`${base}/files`, {}, `${path}/${step}`)).status, 403, step);
    assert.match((await viewer.get(`${path}/stop`)).text, /It needs the permission “Send”/);
    const sender = await world.person(['send_texts']);
    const foreign = await sender.get(path);
    assert.match(shown(foreign), /you need the permission “See messages and figures”/);
    assert.doesNotMatch(foreign.text, /07700/);
    assert.equal((await sender.get(`${path}/csv`)).status, 404);
    const operator = await world.person('operator', world.tenant.id);
    const figures = await operator.get(path);
    assert.match(shown(figures), /All 2 text messages have been delivered\./);
    assert.doesNotMatch(figures.text, /07700/);
    assert.equal((await operator.get(`${path}/csv`)).status, 403);
    const other = await world.addTenant();
    const stranger = await world.person(everyPermission, other.id);
    for (const more of ['', '/csv', '/stop', '/cancel']) {
      assert.equal((await stranger.get(path + more)).status, 404, more);
      assert.equal((await stranger.get((path + more).replace(world.tenant.id, other.id))).status, 404, more);
    }
    const member = await world.person(['manage_settings']);
    assert.equal((await member.get(path)).status, 403);
    assert.equal((await member.get(`${base}/files`)).status, 403);
  });
});
