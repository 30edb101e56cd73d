import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addUser, platformUserId } from '../../src/tenant/user/store.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

describe('templates in the admin API', () => {
  let world: World;
  let tenant: Tenant;
  let base: string;
  const author = randomUUID();

  before(async () => {
    world = await createWorld({ roles: ['api', 'worker', 'sandbox'] });
    ({ tenant } = world);
    base = `/service/${tenant.id}/template`;
    await addUser(world.connection.db, {
      ...{ id: author, name: 'Rowan', emailAddress: 'rowan@example.com', state: 'active' },
    });
  });
  after(() => world.stop());

  const sms = { name: 'Ferry', template_type: 'sms', content: 'Ferry at ((time))', created_by: author };
  const email = { ...sms, template_type: 'email', subject: 'Ferry to ((place))' };
  const post = (path: string, body: object, headers?: Record<string, string>) =>
    world.admin('POST', `${base}${path}`, body, headers);
  const get = (path: string) => world.admin('GET', `${base}${path}`);
  async function add(body: object): Promise<any> {
    const answer = await post('', body);
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer.body.data;
  }
  const plain = (status: number, message: unknown) => ({ status, body: { result: 'error', message } });
  const listed = (...texts: string[]) => ({
    status: 400,
    body: {
      status_code: 400,
      errors: texts.map((message) => ({ error: 'ValidationError', message })),
    },
  });
  const seen = ({ status, body }: { status: number; body: any }) => ({ status, body });
  const noResult = plain(404, 'No result found');
  const events = async (id: string) =>
    (
      await world.connection.pool.query(
        'select event_type, user_id, data from events where subject_id = $1 order by id',
        [id],
      )
    ).rows;

  test('a created template has all its fields, a first version and an event', async () => {
    const made = await add({ ...email, process_type: 'priority', has_unsubscribe_link: true, service: 'x' });
    assert.deepEqual(made, {
      ...{ id: made.id, name: 'Ferry', template_type: 'email', subject: 'Ferry to ((place))' },
      ...{ content: 'Ferry at ((time))', service: tenant.id, created_by: author },
      ...{ created_at: made.created_at, updated_at: null, version: 1, archived: false },
      ...{ process_type: 'priority', folder: null, redact_personalisation: false },
      has_unsubscribe_link: true,
    });
    assert.match(made.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.deepEqual((await get(`/${made.id}`)).body, { data: made });
    const version = {
      ...made,
      created_by: { id: author, name: 'Rowan', email_address: 'rowan@example.com' },
    };
    assert.deepEqual((await get(`/${made.id}/versions`)).body, { data: [version] });
    assert.deepEqual((await get(`/${made.id}/version/1`)).body, { data: version });
    for (const nothing of ['0', '2', '2147483648', '99999999999999999999'])
      assert.deepEqual(seen(await get(`/${made.id}/version/${nothing}`)), noResult, nothing);
    const [event] = await events(made.id);
    assert.equal(event.event_type, 'create_template');
    assert.equal(event.user_id, author);
    assert.equal(event.data.before, null);
    const text = await add({ ...sms, subject: null });
    assert.deepEqual([text.subject, text.process_type, text.has_unsubscribe_link], [null, 'normal', false]);
  });

  test('every defect of a new template is named in the order of the specification', async () => {
    const cases: [object, object][] = [
      [
        {},
        listed(
          'subject is a required property',
          'name is a required property',
          'template_type is a required property',
          'content is a required property',
          'created_by is a required property',
        ),
      ],
      [{ ...sms, template_type: 'fax' }, listed('template_type fax is not one of [sms, email, letter]')],
      [{ ...email, subject: undefined }, listed('subject is a required property')],
      [{ ...sms, created_by: 'rowan' }, listed('created_by is not a valid UUID')],
      [{ ...sms, process_type: 'fast' }, listed('process_type fast is not one of [normal, priority]')],
      [{ ...sms, name: 'x'.repeat(256) }, listed(`name ${'x'.repeat(256)} is too long`)],
      [{ ...sms, name: 'a\0b' }, listed('name contains a null character')],
      [{ ...sms, content: 'a\0b' }, listed('content contains a null character')],
      [{ ...email, subject: 'a\0b' }, listed('subject contains a null character')],
      [{ ...sms, content: 7 }, listed('content 7 is not of type string')],
      [{ ...sms, parent_folder_id: randomUUID() }, plain(400, 'parent_folder_id not found')],
      [{ ...email, subject: ' \n' }, plain(400, { subject: ['Invalid template subject'] })],
      [{ ...email, subject: null }, plain(400, { subject: ['Invalid template subject'] })],
      [
        { ...sms, content: 'x'.repeat(919) },
        plain(400, { content: ['Content has a character count greater than the limit of 918'] }),
      ],
      [
        { ...sms, content: `${'x'.repeat(910)}((place))` },
        plain(400, { content: ['Content has a character count greater than the limit of 918'] }),
      ],
      [{ ...email, content: 'é'.repeat(1_000_001) }, plain(400, { content: ['Longer than 2000000 bytes'] })],
      [
        { ...sms, has_unsubscribe_link: true },
        plain(400, { has_unsubscribe_link: ['Only emails can have an unsubscribe link'] }),
      ],
      [
        { ...email, template_type: 'letter' },
        plain(403, { template_type: ['Creating letter templates is not allowed'] }),
      ],
      [{ ...sms, created_by: randomUUID() }, noResult],
    ];
    for (const [body, expected] of cases)
      assert.deepEqual(seen(await post('', body)), expected, JSON.stringify(body).slice(0, 200));
    // Measured as it is sent: without the white space at its ends.
    await add({ ...sms, content: `${' '.repeat(20_000)}${'x'.repeat(918)}\n\n` });
    assert.deepEqual(seen(await world.admin('POST', `/service/${randomUUID()}/template`, sms)), noResult);
    const other = await world.addTenant({ permissions: ['email'] });
    const refused = (doing: string) =>
      plain(403, { template_type: [`${doing} text message templates is not allowed`] });
    const answer = await world.admin('POST', `/service/${other.id}/template`, sms);
    assert.deepEqual(seen(answer), refused('Creating'));
    const update = await world.admin('POST', `/service/${other.id}/template/${other.templates.sms}`, {
      content: 7,
    });
    assert.deepEqual(seen(update), refused('Updating'));
  });

  test('a change makes the next version of what it names; no change makes none', async () => {
    const made = await add(email);
    const same = await post(`/${made.id}`, { name: 'Ferry', archived: false, process_type: 'normal' });
    assert.deepEqual(seen(same), { status: 200, body: { data: made } });
    const { body } = await post(`/${made.id}`, {
      ...{ subject: 'Boat', unknown: 1, created_by: platformUserId, has_unsubscribe_link: true },
    });
    assert.deepEqual(body.data, {
      ...made,
      ...{ subject: 'Boat', version: 2, updated_at: body.data.updated_at },
      ...{ created_by: platformUserId, has_unsubscribe_link: true },
    });
    assert.ok(body.data.updated_at);
    const { data: versions } = (await get(`/${made.id}/versions`)).body;
    assert.deepEqual(
      versions.map(({ version, subject, created_by }: any) => [version, subject, created_by.id]),
      [
        [2, 'Boat', platformUserId],
        [1, 'Ferry to ((place))', author],
      ],
    );
    const cut = await get(`/${made.id}/versions?older_than=2`);
    assert.deepEqual(cut.body.data, [versions[1]]);
    const [, event] = await events(made.id);
    assert.deepEqual(event, {
      event_type: 'update_template',
      user_id: platformUserId,
      data: {
        before: { subject: 'Ferry to ((place))', hasUnsubscribeLink: false, version: 1 },
        after: { subject: 'Boat', hasUnsubscribeLink: true, version: 2 },
      },
    });
    const bad: [object, object][] = [
      [{ subject: '' }, plain(400, { subject: ['Invalid template subject'] })],
      [{ template_type: 'sms' }, plain(400, { template_type: ['The type of a template cannot be changed'] })],
      [{ version: 0 }, listed('version 0 is less than the minimum of 1')],
      [{ archived: 'yes' }, listed('archived yes is not of type boolean')],
      [{ name: 'x', created_by: randomUUID() }, noResult],
    ];
    for (const [asked, expected] of bad)
      assert.deepEqual(seen(await post(`/${made.id}`, asked)), expected, JSON.stringify(asked));
    assert.deepEqual(seen(await post(`/${randomUUID()}`, { name: 'x' })), noResult);
    const elsewhere = await world.addTenant();
    assert.deepEqual(seen(await post(`/${elsewhere.templates.sms}`, { name: 'x' })), noResult);
    assert.deepEqual(seen(await get(`/${elsewhere.templates.sms}`)), noResult);
  });

  test('whatever a template or an event holds, its event is kept', async () => {
    const half = '\ud83d';
    const path = '\\\\ud83d \\u0000';
    const made = await add({ ...email, name: half, subject: path, content: `${'x'.repeat(999)}🐮` });
    assert.deepEqual([made.name, made.subject], ['\ufffd', path]);
    const [event] = await events(made.id);
    const { name, subject, content } = event.data.after;
    assert.deepEqual([name, subject, content], [half, path, `${'x'.repeat(999)}${half}`]);
    const postEvent = async (data: string, type = 'x') => {
      const body = `{"event_type": ${JSON.stringify(type)}, "data": ${data}}`;
      const answer = await world.admin('POST', '/events', body);
      return answer.status === 201 ? answer.body.data.data : answer.body.message;
    };
    assert.deepEqual(await postEvent('{"\\u0000": "\\ud83d"}'), { '\0': half });
    assert.deepEqual(await postEvent('[1e400000, 1e-20000, 1.50]'), [Number.POSITIVE_INFINITY, 0, 1.5]);
    assert.deepEqual(await postEvent('{}', 'a\0b'), { event_type: ['Not a valid string.'] });
  });

  test('the acting person is the author of a version, whoever the body names', async () => {
    const operator = randomUUID();
    const { db, pool } = world.connection;
    const emailAddress = `${operator}@example.com`;
    await addUser(db, { id: operator, name: 'Kim', emailAddress, state: 'active' });
    await pool.query('update users set platform_admin = true where id = $1', [operator]);
    const made = await add(sms);
    const acting = { 'X-Notify-User-Id': operator };
    const { body } = await post(`/${made.id}`, { name: 'Boat', created_by: author }, acting);
    assert.equal(body.data.created_by, operator);
  });

  test('a change of an old version is refused with the template as it is now', async () => {
    const made = await add(sms);
    const first = await post(`/${made.id}`, { content: 'One', version: 1 });
    assert.equal(first.status, 200);
    const second = await post(`/${made.id}`, { content: 'Two', version: 1 });
    const message =
      'Somebody else has changed this template: it is now at version 2. Make your change to that version.';
    assert.deepEqual(seen(second), {
      status: 409,
      body: { result: 'error', message, data: first.body.data },
    });
    assert.equal((await post(`/${made.id}`, { content: 'Two', version: 2 })).body.data.version, 3);
  });

  test('of changes at once that name a version one wins; of those that name none nothing is lost', async () => {
    const other = await world.startMore({ roles: ['api'] });
    try {
      for (let round = 0; round < 5; round += 1) {
        const named = await add(sms);
        const named8 = await Promise.all(
          Array.from({ length: 8 }, (_, index) =>
            post(`/${named.id}`, { content: `Ferry ${index}`, version: 1 }),
          ),
        );
        const won = named8.filter(({ status }) => status === 200);
        assert.equal(won.length, 1);
        for (const { status, body } of named8)
          if (status !== 200) assert.deepEqual([status, body.data], [409, won[0]!.body.data]);

        const free = await add(email);
        const changes = [
          ...[{ name: 'Boat' }, { subject: 'Boat' }, { content: 'Boat' }],
          ...[{ process_type: 'priority' }, { has_unsubscribe_link: true }],
        ];
        const answers = await Promise.all(changes.map((change) => post(`/${free.id}`, change)));
        assert.deepEqual(
          answers.map(({ body }) => body.data.version).sort(),
          answers.map((_, index) => index + 2),
        );
        const { data } = (await get(`/${free.id}`)).body;
        for (const change of changes) assert.deepEqual({ ...data, ...change }, data);
        const { data: versions } = (await get(`/${free.id}/versions`)).body;
        assert.deepEqual(
          versions.map(({ version }: any) => version),
          [6, 5, 4, 3, 2, 1],
        );
      }
    } finally {
      await other.stop();
    }
  });

  test('an archived template leaves the lists and cannot be sent; restored, it can, within 2 seconds', async () => {
    const folder = await world.admin('POST', `/service/${tenant.id}/template-folder`, {
      ...{ name: 'Boats', parent_id: null },
    });
    const made = await add({ ...sms, content: 'Ferry', parent_folder_id: folder.body.data.id });
    assert.equal(made.folder, folder.body.data.id);
    const send = () =>
      world.call('POST', '/v2/notifications/sms', {
        body: { template_id: made.id, phone_number: '07700900123' },
      });
    assert.equal((await send()).status, 201);
    const archived = await post(`/${made.id}`, { archived: true });
    assert.deepEqual(
      [archived.body.data.version, archived.body.data.archived, archived.body.data.folder],
      [2, true, null],
    );
    const refused = await world.until(send, ({ status }) => status === 400, 2);
    assert.equal(refused.body.errors[0].message, 'Template has been deleted');
    const ids = async () => (await get('')).body.data.map(({ id }: any) => id);
    assert.ok(!(await ids()).includes(made.id));
    assert.equal((await get(`/${made.id}`)).body.data.archived, true);
    const deleted = async () => (await get('?archived=True')).body.data.map(({ id }: any) => id);
    assert.ok((await deleted()).includes(made.id));
    const restored = await post(`/${made.id}`, { archived: false, content: 'Boat' });
    assert.deepEqual([restored.body.data.version, restored.body.data.archived], [3, false]);
    const sent = await world.until(send, ({ status }) => status === 201, 2);
    assert.match(sent.body.content.body, /Boat$/);
    assert.equal((await ids())[0], made.id);
    assert.ok(!(await deleted()).includes(made.id));
    assert.deepEqual(
      (await get(`/${made.id}/versions`)).body.data.map(({ archived }: any) => archived),
      [false, true, false],
    );
    assert.deepEqual(
      (await events(made.id)).map(({ event_type }) => event_type),
      ['create_template', 'archive_template', 'restore_template'],
    );
  });

  test('redacting is recorded once with who and when, changes nothing else and cannot be undone', async () => {
    const made = await add(sms);
    const redact = (more: object) => post(`/${made.id}`, { redact_personalisation: true, ...more });
    assert.deepEqual(seen(await redact({})), plain(400, { created_by: ['Field is required'] }));
    for (const user of [author, platformUserId])
      assert.deepEqual(seen(await redact({ created_by: user, name: 'Boat' })), { status: 200, body: null });
    assert.deepEqual((await get(`/${made.id}`)).body.data, { ...made, redact_personalisation: true });
    const { rows } = await world.connection.pool.query(
      'select redacted_by, redacted_at is not null as at from templates where id = $1',
      [made.id],
    );
    assert.deepEqual(rows, [{ redacted_by: author, at: true }]);
    assert.deepEqual(
      (await events(made.id)).map(({ event_type, user_id }) => [event_type, user_id]),
      [
        ['create_template', author],
        ['redact_template', author],
      ],
    );
    assert.deepEqual(
      seen(await post(`/${made.id}`, { redact_personalisation: false })),
      plain(400, { redact_personalisation: ['Redaction cannot be undone'] }),
    );
    const sent = await world.client.sendSms(made.id, '07700900123', { personalisation: { time: '14:05' } });
    const { data } = await world.client.getNotificationById(sent.data.id);
    assert.match(String(data['body']), /Ferry at 14:05/);
  });

  test('the list is newest first, full or short, and cut where it would be too large', async () => {
    const other = await world.addTenant();
    const path = `/service/${other.id}/template`;
    const list = async (query: string) => (await world.admin('GET', `${path}${query}`)).body;
    const { body: made } = await world.admin('POST', path, sms);
    const { data } = await list('');
    assert.deepEqual(data[0], made.data);
    assert.equal(data.length, 3);
    assert.deepEqual((await list('?detailed=False')).data[0], {
      ...{
        id: made.data.id,
        name: 'Ferry',
        template_type: 'sms',
        folder: null,
        is_precompiled_letter: false,
      },
    });
    assert.deepEqual(await list('?detailed=no'), {
      result: 'error',
      message: { detailed: ['Not a valid choice.'] },
    });
    assert.deepEqual((await world.admin('GET', `/service/${randomUUID()}/template`)).body, { data: [] });
    for (let index = 0; index < 10; index += 1)
      await world.admin('POST', path, { ...email, content: 'x'.repeat(1_999_000) });
    const found = new Set<string>();
    let pages = 0;
    for (let next = path; next; pages += 1) {
      const { body } = await world.admin('GET', next);
      for (const { id } of body.data) found.add(id);
      next = body.links?.next;
    }
    assert.deepEqual([found.size, pages], [13, 2]);
  });

  test('a preview of a stored template fills in what its query gives', async () => {
    const made = await add(email);
    const { body } = await get(`/${made.id}/preview?time=14%3A05&place=Bryher&other=x`);
    assert.deepEqual(body, { ...made, subject: 'Ferry to Bryher', content: 'Ferry at 14:05' });
    assert.deepEqual(
      seen(await get(`/${made.id}/preview`)),
      plain(400, { template: ['Missing personalisation: place, time'] }),
    );
    const text = await add(sms);
    const filled = (await get(`/${text.id}/preview?time=5%00`)).body;
    assert.equal(filled.subject, null);
    assert.match(filled.content, /^Ferry at 5/);
  });

  test('a draft of a text shows what would be sent, what makes it dearer and what it costs', async () => {
    const preview = (body: object) => post('/preview', { template_type: 'sms', ...body });
    const { rows } = await world.connection.pool.query('select name from services where id = $1', [
      tenant.id,
    ]);
    const heading = `${rows[0].name}: `;
    const { status, body } = await preview({
      content: 'Bŵl at ((time)) for ((price)) 🐮',
      personalisation: { price: '5€' },
    });
    assert.equal(status, 200);
    assert.deepEqual(body, {
      ...{ template_type: 'sms', subject: null, placeholders: ['time', 'price'], missing: ['time'] },
      text: `${heading}Bŵl at ((time)) for 5€ ?`,
      html: `${heading}Bŵl at <span class='placeholder'>&#40;&#40;time&#41;&#41;</span> for 5€ ?`,
      ...{ bytes: null, characters: heading.length + 24, characters_over: 0 },
      ...{ characters_above_previous_boundary: 0, fragments: 1, encoding: 'ucs-2' },
      ...{ ucs2_characters: ['ŵ'], double_characters: ['€'], unsupported_characters: ['🐮'] },
      cost_in_pounds: 0.024,
    });
    const long = (await preview({ content: 'x'.repeat(920) })).body;
    assert.deepEqual([long.characters_over, long.fragments, long.cost_in_pounds], [2, 7, 7 * 0.024]);
    const typed = (await preview({ content: `${'x'.repeat(910)}((place))` })).body;
    assert.equal(typed.characters_over, 1);
    const large = (await preview({ content: '((a))', personalisation: { a: 'x'.repeat(60_000) } })).body;
    assert.equal(large.characters_over, 60_000 - 918);
    const bad: [object, object][] = [
      [{}, listed('content is a required property')],
      [{ content: 'a\0' }, listed('content contains a null character')],
      [{ content: '', personalisation: [] }, listed('personalisation [] is not of type object')],
      [{ content: '', template_type: 'fax' }, listed('template_type fax is not one of [sms, email]')],
      [{ content: 'x'.repeat(2_000_001) }, plain(400, { content: ['Longer than 2000000 bytes'] })],
    ];
    for (const [asked, expected] of bad) assert.deepEqual(seen(await preview(asked)), expected);
    const nobody = await world.admin('POST', `/service/${randomUUID()}/template/preview`, {});
    assert.deepEqual(seen(nobody), noResult);
  });

  test('a draft of an email shows its subject, text and HTML, with the limits of emails', async () => {
    const preview = (body: object) => post('/preview', { template_type: 'email', ...body });
    const content = '# Ferry\n\nto ((place)) at ((time))';
    const { body } = await preview({ subject: 'To ((place))', content, personalisation: { time: '5<6' } });
    assert.deepEqual(
      [body.subject, body.text, body.missing, body.fragments, body.cost_in_pounds],
      ['To ((place))', '# Ferry\n\nto ((place)) at 5<6', ['place'], null, 0],
    );
    assert.equal(body.bytes, body.text.length);
    assert.match(body.html, /<h2[^>]*>Ferry<\/h2>/);
    assert.match(body.html, /<span class='placeholder'>&#40;&#40;place&#41;&#41;<\/span> at 5&lt;6/);
    const values = (size: number) => ({ content: '((a))', personalisation: { a: 'x '.repeat(size / 2) } });
    assert.equal((await preview({ subject: 's', ...values(200_000) })).status, 200);
    assert.deepEqual(
      seen(await preview({ subject: 's', ...values(2_000_100) })),
      plain(
        400,
        'Your message is too long. Emails cannot be longer than 2000000 bytes. Your message is 2000099 bytes.',
      ),
    );
  });
});
