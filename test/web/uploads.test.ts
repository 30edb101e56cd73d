import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { tideRows } from '../support/jobs.ts';
import { createWebWorld, everyPermission, type Seen, type Visitor, type WebWorld } from '../support/web.ts';

const hostile = `<img src=x onerror=alert(1)>"'&`;
const header = 'phone number,name,time';
const good = '07700900123,Ann,14:05';

/** A file with `count` rows, of which every `faulty`th has a phone number that is too short. */
function fileOf(count: number, faulty: number): string {
  const rows = [...tideRows(count)].map(([number, name, time], index) =>
    [index % faulty === faulty - 1 ? '0770' : number, name, time].join(','),
  );
  return [header, ...rows, ''].join('\n');
}

suite('sending to many (spec 07, section 8, journey 3)', () => {
  let world: WebWorld;
  let sender: Visitor;
  let base: string;
  let guide: string;

  before(async () => {
    world = await createWebWorld();
    sender = await world.person(['send_texts', 'send_emails']);
    base = `/services/${world.tenant.id}`;
    guide = `${base}/templates/${world.tenant.templates.sms}/upload`;
  });
  after(() => world.stop());

  const upload = async (content: string | Buffer, name = 'tides.csv', of = sender) => {
    const sent = await of.upload(guide, { name, content });
    assert.equal(sent.status, 303, sent.text);
    return sent.location!;
  };
  const said = ({ text }: Seen) =>
    /<p class="govuk-notification-banner__heading">([^<]*)</.exec(text)?.[1] ?? null;
  const shown = ({ text }: Seen) =>
    text
      .slice(text.indexOf('<main'))
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ');

  test('the guide names the columns, and gives an example that can be sent', async () => {
    const page = await sender.get(guide);
    assert.equal(page.status, 200);
    assert.match(shown(page), /Your file needs these 3 columns: phone number , name and time \./);
    const example = await sender.get(`${base}/templates/${world.tenant.templates.sms}/example.csv`);
    assert.match(example.headers.get('content-disposition') ?? '', /attachment/);
    const checked = await sender.get(await upload(example.text, 'example.csv'));
    assert.match(checked.text, /Its 1 row can be sent\./);
  });

  test('a file that cannot be read is refused with the reason, at its field', async () => {
    for (const [name, content, reason] of [
      ['tides.csv', '', /You need to chose a file to upload/],
      ['tides.pdf', 'x', /The file must be a spreadsheet/],
      ['tides.csv', Buffer.alloc(10 * 1024 * 1024 + 10, 'a'), /smaller than 10MB/],
      ['tides.csv', Buffer.alloc(12 * 1024 * 1024, 'a'), /smaller than 10MB/],
    ] as const) {
      const answer = await sender.upload(guide, { name, content });
      assert.equal(answer.status, 400, `${name} ${content.length}`);
      assert.match(answer.text, reason);
      assert.match(answer.title, /^Error: /);
      assert.match(answer.text, /href="#file"/);
    }
  });

  test('faults are said in a sentence and in groups, mended in the page, and the file is sent', async () => {
    const path = await upload(fileOf(20, 5));
    const page = await sender.get(path);
    assert.match(page.text, /Of 20 rows, 4 have to be mended or left out before the file can be sent\./);
    assert.match(page.text, /Mobile number is too short: 4 rows|too short: 4 rows/);
    assert.doesNotMatch(page.text, /Send 20 text messages/);
    const rows = await sender.get(`${path}/rows?kind=recipient`);
    assert.equal(rows.text.match(/name="cell-\d+-0"/g)?.length, 4);
    const fields = (text: string) =>
      Object.fromEntries(
        [...text.matchAll(/name="((?:was|column)-\d+-\d+)" value="([^"]*)"/g)].map(([, name, value]) => [
          name!,
          value!,
        ]),
      );
    const [first, ...others] = [...rows.text.matchAll(/name="(cell-\d+-\d+)"/g)].map(([, name]) => name!);
    const half = await sender.submit(`${path}/rows`, {
      ...fields(rows.text),
      [first!]: '07700900999',
      [others[0]!]: '12',
    });
    assert.equal(half.status, 303);
    assert.match(
      said(await sender.follow(half)) ?? '',
      /2 cells were changed\. 3 rows still have to be mended\./,
    );
    const rest = await sender.get(`${path}/rows`);
    const mended = Object.fromEntries(
      [...rest.text.matchAll(/name="(cell-\d+-0)"/g)].map(([, name], index) => [name!, `0770090081${index}`]),
    );
    const done = await sender.follow(
      await sender.submit(`${path}/rows`, { ...fields(rest.text), ...mended }),
    );
    assert.match(said(done) ?? '', /No row has a fault any more/);
    assert.match(done.text, /All 20 rows can be sent\./);
    const sent = await sender.submit(path, { when: 'now' });
    assert.equal(sent.location, path.replace('/uploads/', '/files/'));
    const again = await sender.get(path);
    assert.equal(again.location, sent.location, 'a file that was sent leads to what became of it');
  });

  test('faulty rows are downloaded with the reason as a column', async () => {
    const path = await upload(fileOf(6, 3));
    const { text, headers } = await sender.get(`${path}/csv?faulty=true`);
    assert.match(headers.get('content-disposition') ?? '', /attachment/);
    const lines = text.trim().split('\r\n');
    assert.equal(lines.length, 3);
    assert.match(lines[0]!, /What is wrong$/);
    assert.match(lines[1]!, /too short/);
    assert.equal((await sender.get(`${path}/csv`)).text.trim().split('\r\n').length, 7);
  });

  test('faulty rows are left out, and kept as a file to finish', async () => {
    const path = await upload(fileOf(12, 4));
    const page = await sender.follow(await sender.submit(path, {}, `${path}/leave-out`));
    assert.equal(said(page), '3 rows were left out, and kept as a file to finish.');
    assert.match(page.text, /All 9 rows can be sent\./);
    const left = new RegExp(`${base}/uploads/[0-9a-f-]{36}(?=" *>finish them|")`).exec(
      page.text.slice(page.text.indexOf('The rows that were left out')),
    )![0];
    assert.match(
      (await sender.get(left)).text,
      /Of 3 rows, 3 have to be mended before the file can be sent\./,
    );
    assert.match((await sender.get(`${base}/files`)).text, /Left out of tides\.csv/);
    const twice = await sender.submit(path, {}, `${path}/leave-out`);
    assert.equal(twice.status, 400);
    assert.match(twice.text, /The file has no rows with errors/);
  });

  test('the first, shortest, longest and any row are shown as they would arrive, and the money is counted', async () => {
    const long = 'x'.repeat(200);
    const path = await upload([header, good, `07700900124,${long},1`, '07700900125,B,2', ''].join('\n'));
    const page = await sender.get(path);
    for (const row of [2, 3, 4]) assert.match(page.text, new RegExp(`${path}/rows/${row}"`));
    assert.match(shown(page), /Fragments 4\./);
    assert.match(shown(page), /Cost £0\.096/);
    assert.match(shown(page), /can still be sent today/);
    assert.match(shown(await sender.get(`${path}?row=3`)), /Asked for: row 3/);
    assert.match(shown(await sender.get(`${path}?row=99`)), /Row 99 cannot be shown/);
    const row = await sender.get(`${path}/rows/2`);
    assert.match(shown(row), /Hi Ann, high tide at 14:05/);
    assert.equal((await sender.get(`${path}/rows/99`)).status, 404);
    assert.equal((await sender.get(`${path}/rows/x`)).status, 404);
    const changed = await sender.follow(
      await sender.submit(`${path}/rows/2`, { 'was-2-1': 'Ann', 'column-2-1': 'name', 'cell-2-1': 'Zoë' }),
    );
    assert.match(shown(changed), /Hi Zoë, high tide/);
  });

  test('an email is shown in a frame of its own that runs and loads nothing', async () => {
    const email = `${base}/templates/${world.tenant.templates.email}/upload`;
    const sent = await sender.upload(email, {
      name: 'mail.csv',
      content: `email address,name,time\nann@example.com,${hostile.replaceAll('"', '""').replace(/^|$/g, '"')},1\n`,
    });
    const page = await sender.get(`${sent.location}/rows/2`);
    assert.match(page.text, /<iframe src="[^"]+\/rows\/2\/email" title="The email of row 2" sandbox=/);
    const frame = await sender.get(`${sent.location}/rows/2/email`);
    assert.match(frame.headers.get('content-security-policy') ?? '', /default-src 'none'.*sandbox/);
    assert.doesNotMatch(frame.text, /<img src=x/);
    assert.match((await sender.get(sent.location!)).text, /Cost<\/dt><dd[^>]*>Nothing: emails are free/);
  });

  test('the same file again today is warned of, and can be sent all the same', async () => {
    const content = fileOf(3, 9);
    const first = await upload(content, 'same.csv');
    await sender.submit(first, { when: 'now' });
    const second = await upload(content, 'same.csv');
    const page = await sender.get(second);
    assert.match(page.text, /This file, or one of the same name, has been sent today already/);
    assert.match(page.text, new RegExp(first.replace('/uploads/', '/files/')));
    assert.equal((await sender.submit(second, { when: 'now' })).status, 303);
  });

  test('a file is sent at a time of the reader’s zone, and a time that is over is refused at its field', async () => {
    const path = await upload(fileOf(2, 9), 'later.csv');
    const page = await sender.get(path);
    const days = [...page.text.matchAll(/<option value="(\d{4}-\d\d-\d\d)"/g)].map(([, day]) => day!);
    assert.equal(days.length, 8);
    for (const [fields, sentence, field] of [
      [{}, /Choose when it is sent/, 'when'],
      [{ when: 'later', day: days[0]!, hour: '99' }, /Choose an hour/, 'hour'],
      [{ when: 'later', day: 'soon', hour: '09' }, /Choose a day/, 'day'],
      [{ when: 'later', day: '2020-01-01', hour: '09' }, /This time is over/, 'day'],
      [{ when: 'later', day: '2099-01-01', hour: '09' }, /Choose a time within the next 7 days/, 'day'],
    ] as const) {
      const answer = await sender.submit(path, fields);
      assert.equal(answer.status, 400);
      assert.match(answer.text, sentence);
      assert.match(answer.text, new RegExp(`href="#${field}"`));
    }
    const sent = await sender.submit(path, { when: 'later', day: days[2]!, hour: '23' });
    const job = await sender.follow(sent);
    assert.match(shown(job), /2 text messages will be sent from .* at 23:00/);
    const done = await sender.follow(await sender.submit(`${sent.location}/cancel`, {}));
    assert.equal(said(done), 'Cancelled. Nothing of it is sent.');
    const again = await sender.submit(`${sent.location}`, {}, `${sent.location}/cancel`);
    assert.equal(again.status, 400);
    assert.match(again.text, /not scheduled any more/);
    const asked = await sender.follow(await sender.get(`${sent.location}/cancel`));
    assert.match(asked.text, /not scheduled any more/);
  });

  test('a form that is sent twice makes one job', async () => {
    const path = await upload(fileOf(2, 9), 'twice.csv');
    const { text } = await sender.get(path);
    const body = new URLSearchParams(
      ['_token', '_form'].map((name): [string, string] => [
        name,
        new RegExp(`name="${name}" value="([^"]*)"`).exec(text.slice(text.indexOf('<main')))![1]!,
      ]),
    );
    body.set('when', 'now');
    const answers = await Promise.all([1, 2].map(() => sender.post(path, body.toString())));
    assert.deepEqual(
      answers.map(({ status, location }) => [status, location]),
      [1, 2].map(() => [303, path.replace('/uploads/', '/files/')]),
    );
  });

  test('a file is kept as a contact list, which is sent to a template, and deleted after a question', async () => {
    const path = await upload(fileOf(3, 9), 'wardens.csv');
    const list = await sender.submit(path, {}, `${path}/keep`);
    assert.match(list.location ?? '', /\/contact-lists\//);
    assert.match((await sender.get(`${base}/contact-lists`)).text, /wardens\.csv/);
    const none = await sender.submit(list.location!, { template: '' });
    assert.equal(none.status, 400);
    assert.match(none.text, /Choose a template/);
    const sent = await sender.submit(list.location!, { template: world.tenant.templates.sms });
    assert.match((await sender.get(sent.location!)).text, /All 3 rows can be sent\./);
    await sender.submit(sent.location!, { when: 'now' });
    assert.match((await sender.get(list.location!)).text, /1 time lately/);
    const filtered = await sender.get(`${base}/files?list=${list.location!.split('/').at(-1)}`);
    assert.match(filtered.text, new RegExp(sent.location!.replace('/uploads/', '/files/')));
    assert.match((await sender.get(`${list.location}/delete`)).text, /cannot be brought back/);
    const gone = await sender.follow(await sender.submit(`${list.location}/delete`, {}));
    assert.equal(said(gone), 'The contact list was deleted.');
    assert.equal((await sender.get(list.location!)).status, 404);
    assert.match((await sender.get(`${base}/contact-lists`)).text, /There is none yet/);
  });

  test('a file is deleted after a question', async () => {
    const path = await upload(fileOf(2, 9));
    assert.match((await sender.get(`${path}/delete`)).text, /cannot be brought back/);
    assert.equal((await sender.submit(`${path}/delete`, {})).status, 303);
    assert.equal((await sender.get(path)).status, 404);
  });

  test('what is typed in a file is shown as text', async () => {
    const quoted = `"${hostile.replaceAll('"', '""')}"`;
    const path = await upload(
      `${header},${quoted}\n0770,${quoted},${quoted},x,${quoted}\n${good}\n`,
      `${hostile}.csv`,
    );
    for (const page of ['', '/rows', '/rows/2', '/delete']) {
      const { status, text } = await sender.get(path + page);
      assert.equal(status, 200, page);
      assert.doesNotMatch(text, /<img/, page);
    }
    assert.match((await sender.get(`${path}/rows`)).text, /&lt;img src=x onerror=alert\(1\)&gt;/);
    const surplus = await sender.submit(`${path}/rows`, { 'surplus-2': '1' });
    assert.equal(surplus.status, 303);
    assert.doesNotMatch((await sender.get(`${path}/rows`)).text, /name="surplus-2"/);
  });

  test('columns that are missing are named, and nothing can be sent', async () => {
    const path = await upload('phone number,name\n07700900123,Ann\n');
    const page = await sender.get(path);
    assert.match(shown(page), /time/);
    assert.match(shown(page), /What is wrong with the file/);
    assert.doesNotMatch(page.text, /name="when"/);
  });

  test('only who may send gets there, and only in their own service', async () => {
    const path = await upload(fileOf(4, 2));
    const reader = await world.person(['view_activity']);
    const other = await world.addTenant();
    const stranger = await world.person(everyPermission, other.id);
    const operator = await world.person('operator', world.tenant.id);
    const paths = ['', '/rows', '/rows/2', '/csv', '/delete'].map((more) => path + more);
    for (const at of [...paths, guide, `${base}/contact-lists`]) {
      const refused = await reader.get(at);
      assert.equal(refused.status, 403, at);
      assert.match(refused.text, /It needs the permission “Send” in this service/);
      assert.equal((await stranger.get(at)).status, 404, at);
      const foreign = await stranger.get(at.replace(world.tenant.id, other.id));
      if (at !== `${base}/contact-lists`) assert.equal(foreign.status, 404, at);
    }
    for (const at of paths.filter((at) => !at.endsWith('/delete')))
      assert.equal((await operator.get(at)).status, 403, `operators see no recipients: ${at}`);
    assert.equal((await sender.get(`${base}/uploads/${randomUUID()}`)).status, 404);
    assert.equal((await sender.get(`${base}/uploads/nonsense`)).status, 404);
    const texter = await world.person(['send_texts']);
    const mail = await sender.upload(`${base}/templates/${world.tenant.templates.email}/upload`, {
      name: 'mail.csv',
      content: 'email address,name,time\nann@example.com,Ann,1\n',
    });
    assert.equal((await texter.submit(mail.location!, { when: 'now' })).status, 403);
    assert.doesNotMatch((await texter.get(mail.location!)).text, /name="when"/);
  });
});
