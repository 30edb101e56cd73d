import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addTemplate } from '../../src/content/template/store.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { addTemplateVersion, setTemplateArchived } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const notFound = [
  404,
  {
    result: 'error',
    message:
      'The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.',
  },
];
const noResult = [
  404,
  { status_code: 404, errors: [{ error: 'NoResultFound', message: 'No result found' }] },
];
const refused = (message: string, error = 'ValidationError', status = 400) => [
  status,
  { status_code: status, errors: [{ error, message }] },
];

describe('reading in v2', () => {
  let world: World;
  let tenant: Tenant;
  before(async () => {
    world = await createWorld({ roles: ['api'] });
    tenant = world.tenant;
  });
  after(() => world.stop());

  const answerOf = async (method: string, path: string, options: Parameters<World['call']>[2] = {}) => {
    const { status, body } = await world.call(method, path, options);
    return [status, body];
  };
  const addOne = async (more: Partial<Parameters<typeof addTemplate>[1]> = {}) => {
    const id = randomUUID();
    await addTemplate(world.connection.db, {
      id,
      serviceId: tenant.id,
      type: 'sms',
      name: 'Tide',
      subject: null,
      content: 'Hi ((name))',
      ...more,
    });
    return id;
  };

  test('unknown paths, methods and types of v2 are refused as the contract says', async () => {
    const id = randomUUID();
    const table: [method: string, path: string, answer: 404 | string][] = [
      ['GET', '/v2/notifications/', 404],
      ['GET', '/v2/notification', 404],
      ['GET', '/v2', 404],
      ['GET', `/v2/notifications/${id}/`, 404],
      ['GET', `/v2/notifications/${id}/pdf/`, 404],
      ['POST', '/v2/notifications/fax', 404],
      ['GET', '/v2/template', 404],
      ['GET', '/v2/template/', 404],
      ['GET', `/v2/template/${id}/version`, 404],
      ['GET', `/v2/template/${id}/version/`, 404],
      ['GET', `/v2/template/${id}/version/x`, 404],
      ['GET', `/v2/template/${id}/version/-1`, 404],
      ['GET', `/v2/template/${id}/version/1.0`, 404],
      ['GET', '/v2/templates/', 404],
      ['GET', '/v2/received-text-messages/', 404],
      ['POST', '/v2/notifications', 'GET, HEAD, OPTIONS'],
      ['DELETE', '/v2/notifications/sms', 'GET, HEAD, OPTIONS, POST'],
      ['PUT', '/v2/notifications/letter', 'GET, HEAD, OPTIONS, POST'],
      ['PATCH', `/v2/notifications/${id}/pdf`, 'GET, HEAD, OPTIONS'],
      ['POST', `/v2/template/${id}`, 'GET, HEAD, OPTIONS'],
      ['POST', `/v2/template/${id}/version/1`, 'GET, HEAD, OPTIONS'],
      ['GET', `/v2/template/${id}/preview`, 'OPTIONS, POST'],
      ['POST', '/v2/templates', 'GET, HEAD, OPTIONS'],
      ['DELETE', '/v2/received-text-messages', 'GET, HEAD, OPTIONS'],
    ];
    for (const [method, path, expected] of table) {
      const { status, body, headers } = await world.call(method, path);
      if (expected === 404) {
        assert.deepEqual([status, body], notFound, `${method} ${path}`);
        continue;
      }
      assert.equal(status, 405, `${method} ${path}`);
      assert.deepEqual(body, {
        result: 'error',
        message: 'The method is not allowed for the requested URL.',
      });
      const allowed = (text: string | null) => text?.split(', ').sort().join(', ');
      assert.equal(allowed(headers.get('allow')), expected, path);
      // A wrong method is refused without a key. OPTIONS lists the same methods, but needs one.
      assert.equal((await world.call(method, path, { key: null })).status, 405);
      const options = await world.call('OPTIONS', path);
      assert.deepEqual([options.status, options.body], [200, null]);
      assert.equal(allowed(options.headers.get('allow')), expected);
      assert.deepEqual(
        await answerOf('OPTIONS', path, { key: null }),
        refused('Unauthorized: authentication token must be provided', 'AuthError', 401),
      );
    }
    assert.equal((await world.call('OPTIONS', '/_status', { key: null })).status, 200);
    assert.deepEqual(await answerOf('OPTIONS', '/v2/nowhere', { key: null }), notFound);
  });

  test('a v2 path without a key is refused, and HEAD is answered like GET without a body', async () => {
    const paths: [path: string, status: number][] = [
      ['/v2/notifications', 200],
      ['/v2/notifications?page=2', 400],
      ['/v2/notifications/sms', 400],
      [`/v2/notifications/${randomUUID()}`, 404],
      [`/v2/notifications/${randomUUID()}/pdf`, 404],
      [`/v2/template/${tenant.templates.sms}`, 200],
      [`/v2/template/${tenant.templates.sms}/version/1`, 200],
      ['/v2/templates', 200],
      ['/v2/received-text-messages', 200],
    ];
    for (const [path, status] of paths) {
      const get = await world.call('GET', path);
      const head = await world.call('HEAD', path);
      assert.deepEqual([get.status, head.status, head.body], [status, status, null], path);
      assert.equal(head.headers.get('content-length'), get.headers.get('content-length'), path);
      assert.equal((await world.call('GET', path, { key: null })).status, 401);
      assert.equal((await world.call('HEAD', path, { key: null })).status, 401);
    }
  });

  test('a request for a PDF is refused in the order of the contract', async () => {
    const { body } = await world.call('POST', '/v2/notifications/sms', {
      body: {
        template_id: tenant.templates.sms,
        phone_number: '07700900123',
        personalisation: { name: 'Rowan', time: '14:05' },
      },
    });
    const pdf = (id: string) => answerOf('GET', `/v2/notifications/${id}/pdf`);
    assert.deepEqual(await pdf('12-34'), refused('notification_id is not a valid UUID'));
    assert.deepEqual(await pdf(randomUUID()), noResult);
    assert.deepEqual(await pdf(body.id), refused('Notification is not a letter', 'BadRequestError'));
  });

  test('a template is read with its author; archived ones can be read, hidden and foreign ones cannot', async () => {
    const author = randomUUID();
    await addUser(world.connection.db, {
      id: author,
      name: 'Rowan',
      emailAddress: 'rowan@harbour.example',
      state: 'active',
    });
    const id = await addOne();
    const at = new Date(Date.UTC(2027, 0, 2, 3, 4, 5, 678));
    const words = { name: 'Ebb', subject: null, content: 'Low ((name)) ((NAME))', createdBy: author };
    assert.equal(await addTemplateVersion(world.connection.db, id, words, at), 2);
    const [status, current] = await answerOf('GET', `/v2/template/${id.toUpperCase()}`);
    assert.equal(status, 200);
    assert.deepEqual(
      { ...current, created_at: 'x' },
      {
        id,
        type: 'sms',
        name: 'Ebb',
        created_at: 'x',
        updated_at: '2027-01-02T03:04:05.678000Z',
        created_by: 'rowan@harbour.example',
        version: 2,
        body: 'Low ((name)) ((NAME))',
        subject: null,
        personalisation: { name: { required: true } },
        postage: null,
        letter_contact_block: null,
      },
    );
    const [, first] = await answerOf('GET', `/v2/template/${id}/version/1`);
    assert.deepEqual(
      [first.created_by, first.created_at, first.updated_at, first.version],
      ['despatch@despatch.localhost', current.created_at, null, 1],
    );
    for (const version of ['0', '2', '000002'])
      assert.deepEqual(await answerOf('GET', `/v2/template/${id}/version/${version}`), [200, current]);
    for (const version of ['3', '2147483648', '9'.repeat(400)])
      assert.deepEqual(await answerOf('GET', `/v2/template/${id}/version/${version}`), noResult);
    const other = await world.addTenant();
    const hidden = await addOne({ hidden: true });
    for (const unknown of [other.templates.sms, hidden, randomUUID()])
      for (const end of ['', '/version/1'])
        assert.deepEqual(await answerOf('GET', `/v2/template/${unknown}${end}`), noResult);
    for (const end of ['', '/version/1', '/version/9999999999'])
      assert.deepEqual(await answerOf('GET', `/v2/template/12-34${end}`), refused('id is not a valid UUID'));
    const later = new Date(at.getTime() + 1000);
    await setTemplateArchived(world.connection.db, id, true, later);
    // Archiving makes a version with the same text.
    assert.deepEqual(await answerOf('GET', `/v2/template/${id}`), [
      200,
      { ...current, version: 3, updated_at: '2027-01-02T03:04:06.678000Z', created_by: first.created_by },
    ]);
    assert.deepEqual(await answerOf('GET', `/v2/template/${id}/version/2`), [200, current]);
    const { rows } = await world.connection.pool.query(
      `select v.archived, t.updated_at = v.created_at as "isUpdated" from template_versions v
       join templates t on t.id = v.template_id where v.template_id = $1 order by v.version`,
      [id],
    );
    assert.deepEqual(
      rows.map(({ archived }) => archived),
      [false, false, true],
    );
    assert.equal(rows[2].isUpdated, true);
  });

  test('the list of templates is sorted by name and type, without archived and hidden ones', async () => {
    const own = await world.addTenant();
    const add = (name: string, more: object = {}) => addOne({ name, serviceId: own.id, ...more });
    const email = { type: 'email', subject: 'x' };
    await add('banana', email);
    await add('banana');
    await add('Apple');
    await add('cherry', { hidden: true });
    await setTemplateArchived(world.connection.db, await add('date'), true);
    const list = async (query: string) => {
      const { status, body } = await world.call('GET', `/v2/templates${query}`, { key: own.keys.normal });
      assert.equal(status, 200);
      return body.templates.map(({ name, type }: { name: string; type: string }) => `${name} ${type}`);
    };
    const all = ['Apple sms', 'banana sms', 'banana email', 'Tide sms', 'Tide email'];
    assert.deepEqual(await list(''), all);
    assert.deepEqual(
      await list('?type=email&type=x'),
      all.filter((one) => one.endsWith('email')),
    );
    assert.deepEqual(await list('?type=letter'), []);
    const faults = await answerOf('GET', '/v2/templates?kind=sms&type=');
    assert.deepEqual(faults, [
      400,
      {
        status_code: 400,
        errors: [
          { error: 'ValidationError', message: 'type  is not one of [sms, email, letter]' },
          {
            error: 'ValidationError',
            message: 'Additional properties are not allowed (kind was unexpected)',
          },
        ],
      },
    ]);
  });

  test('a template preview may have no body, ignores unknown fields and reports all faults at once', async () => {
    const plain = await addOne({ content: ' No  placeholders ' });
    const path = `/v2/template/${plain}/preview`;
    const shown = {
      id: plain,
      type: 'sms',
      version: 1,
      body: 'No placeholders',
      html: null,
      subject: null,
      postage: null,
    };
    for (const body of [undefined, '', '{}', 'null', '[]', '{"x": 1, "id": 5, "personalisation": {"y": 2}}'])
      assert.deepEqual(await answerOf('POST', path, body === undefined ? {} : { body }), [200, shown], body);
    const table: [path: string, body: string, expected: unknown][] = [
      [path, '{', refused('Invalid JSON supplied in POST data', 'BadRequestError')],
      [path, ' ', refused('Invalid JSON supplied in POST data', 'BadRequestError')],
      [path, '["a", 1]', refused('[a, 1] is not of type object')],
      [path, '{"personalisation": null}', refused('personalisation None is not of type object')],
      [path, '{"personalisation": []}', refused('personalisation [] is not of type object')],
      ['/v2/template/12-34/preview', '', refused('id is not a valid UUID')],
      [`/v2/template/${randomUUID()}/preview`, '', noResult],
      [`/v2/template/${await addOne({ hidden: true })}/preview`, '', noResult],
      [`/v2/template/${(await world.addTenant()).templates.sms}/preview`, '', noResult],
      [
        `/v2/template/${tenant.templates.email}/preview`,
        '{"personalisation": {"NAME": null}}',
        refused('Missing personalisation: name, time', 'BadRequestError'),
      ],
    ];
    for (const [at, body, expected] of table)
      assert.deepEqual(await answerOf('POST', at, { body }), expected, `${at} ${body}`);
    const [, both] = await answerOf('POST', '/v2/template/x/preview', { body: '{"personalisation": 1.0}' });
    assert.deepEqual(
      both.errors.map(({ message }: { message: string }) => message),
      ['id is not a valid UUID', 'personalisation 1.0 is not of type object'],
    );
    await setTemplateArchived(world.connection.db, plain, true);
    const archived = await world.until(
      () => answerOf('POST', path),
      ([, { version }]) => version === 2,
    );
    assert.deepEqual(archived, [200, { ...shown, version: 2 }]);
  });

  test('a template preview renders lists, conditions and numbers as a message does', async () => {
    const id = await addOne({
      type: 'email',
      subject: 'For ((who)) -- now',
      content: '# ((title))\n\n((list))\n\n((more??See <b>more</b>)) ((count))',
    });
    const { status, body } = await world.call('POST', `/v2/template/${id}/preview`, {
      body: '{"personalisation": {"who": ["a", "b"], "title": "T", "list": ["x", null, "y"], "more": true, "count": 6.0}}',
    });
    assert.equal(status, 200);
    assert.equal(body.subject, 'For a and b – now');
    assert.equal(body.body, '# T\n\n\n\n* x\n* y\n\nSee <b>more</b> 6.0');
    assert.match(body.html, /^<h2 [^>]*>T<\/h2>.*<ul.*>x<.*>y<.*<p .*&lt;b&gt;more&lt;\/b&gt; 6\.0<\/p>$/);
    assert.doesNotMatch(body.html, /<html|<body|unsubscribe/i);
  });

  test('a letter is refused step by step, and never accepted', async () => {
    const sender = await world.addTenant({ permissions: ['letter'] });
    const address = { address_line_1: 'Rowan Oak', address_line_2: '2 Quay Street', postcode: 'BS1 4DJ' };
    const letter = { template_id: randomUUID(), personalisation: address };
    const pdf = { reference: 'case-7', content: 'JVBERi0xLjQK' };
    const bad = (message: string, status = 400) => refused(message, 'BadRequestError', status);
    const never = bad('Letters cannot be sent: this platform sends text messages and emails only');
    const { normal, team, test: ofTest } = sender.keys;
    const foreign = { ...letter, template_id: sender.templates.sms };
    const table: [body: unknown, key: string, expected: unknown][] = [
      [letter, tenant.keys.normal, bad('Service is not allowed to send letters')],
      [pdf, tenant.keys.normal, bad('Service is not allowed to send letters')],
      [foreign, normal, bad('sms template is not suitable for letter notification')],
      [letter, team, bad('Cannot send letters with a team api key', 403)],
      [{ ...pdf, content: 'JVB' }, normal, bad('Cannot decode letter content (invalid base64 encoding)')],
      [{ ...pdf, content: 5 }, normal, refused('content 5 is not of type string')],
      [{ ...letter, personalisation: {} }, normal, refused('Address must be at least 3 lines')],
      [
        {
          ...letter,
          personalisation: { ...address, address_line_2: 2, address_line_7: 'x', address_line_3: null },
        },
        normal,
        refused('Must be a real UK postcode'),
      ],
      [letter, normal, never],
      [letter, ofTest, never],
      [pdf, normal, never],
      [{ ...pdf, reference: '\0' }, normal, bad('reference must not contain the null character')],
    ];
    for (const [body, key, expected] of table)
      assert.deepEqual(
        await answerOf('POST', '/v2/notifications/letter', { body: body as object, key }),
        expected,
        JSON.stringify(body),
      );
    await world.connection.pool.query('update services set restricted = true where id = $1', [sender.id]);
    await world.until(
      () => answerOf('POST', '/v2/notifications/letter', { body: letter, key: normal }),
      ([status]) => status === 403,
    );
    assert.deepEqual(
      await answerOf('POST', '/v2/notifications/letter', { body: letter, key: normal }),
      bad('Cannot send letters when service is in trial mode', 403),
    );
    assert.deepEqual(
      await answerOf('POST', '/v2/notifications/letter', { body: letter, key: ofTest }),
      never,
    );
  });
});
