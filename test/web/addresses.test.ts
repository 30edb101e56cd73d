import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { after, before, suite, type TestContext, test } from 'node:test';
import { pages } from '../../src/web/pages.ts';
import { type Recorder, startRecorder } from '../support/recorder.ts';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';
import { allOf, formFields, queryFields } from './fields.ts';

/** What nobody fills in who means well: names of every object, and what numbers, days and headers cannot be. */
const odd = [
  ...['constructor', '__proto__', '..', '\0', 'a\r\nX-Set: 1', '\u{1F6A2}\u202e'],
  ...['9'.repeat(400), '-1', '9999-12-31'],
];

/** What nobody's id or token looks like, as it stands in an address. */
const strange = [
  ...[
    '..',
    '.',
    '%2e%2e',
    '..%2f..',
    'a%2F..%2Fb',
    '%00',
    '%0d%0aX-Set:%201',
    'a%20b',
    '%3Fx=1',
    '%23a',
    'a;b',
  ],
  ...['%ff', '%', '%E2%80%AE', '%F0%9F%9A%A2', '%3Cscript%3E', "'", '%22', '%5c', 'a'.repeat(5000)],
];

suite('addresses (spec 07, section 13)', () => {
  let recorder: Recorder;
  let world: WebWorld;
  let reader: Visitor;
  before(async () => {
    recorder = await startRecorder();
    world = await createWebWorld({ WEB_API_URL: recorder.url });
    recorder.passOnTo(world.api);
    reader = await world.person(everyPermission);
    await world.connection.pool.query('update users set platform_admin = true where id = $1', [
      reader.userId,
    ]);
  });
  after(async () => {
    await world?.stop();
    await recorder?.stop();
  });

  /** As it is written: a client of one's own would tidy up the address. */
  async function ask(method: 'GET' | 'POST', path: string, body = ''): Promise<[number, string | undefined]> {
    const cookie = [...reader.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const form = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' };
    return new Promise((resolve, reject) => {
      const headers = { cookie, ...(method === 'POST' && form) };
      const { hostname, port } = new URL(world.webUrl);
      const asking = request({ hostname, port, method, path, headers }, (answer) => {
        answer.resume();
        answer.on('end', () => resolve([answer.statusCode!, answer.headers.location]));
      });
      asking.on('error', reject);
      asking.end(method === 'POST' ? body : undefined);
    });
  }

  test('a part of a path that is no id is not found, and nothing is asked of the API for it', async (context: TestContext) => {
    const token = /name="_token" value="([^"]+)"/.exec((await reader.get('/services')).text)![1]!;
    const known = new Set([`/user/${reader.userId}`, `/service/${world.tenant.id}`]);
    // Pages of links say what is wrong with a token, which the API is asked for in a body or in one part of a path.
    const ofTokens = /^\/(user\/check-token|user\/first-operator\/check|invite\/(?!\.)[^/?#]+(\/accept)?)$/;
    const wrong: string[] = [];
    let calls = 0;
    for (const { path, get, post, receive } of pages) {
      const places = [...path.matchAll(/:(\w+)/g)];
      for (const [place] of places)
        for (const value of strange) {
          const address = path.replace(/:\w+/g, (name) =>
            name === place ? value : name === ':service' ? world.tenant.id : randomUUID(),
          );
          for (const method of ['GET', 'POST'] as const) {
            if (!(method === 'GET' ? get : (post ?? receive))) continue;
            calls += 1;
            recorder.asked.length = 0;
            const [status] = await ask(method, address, `_token=${token}&do=remove&reason=why&confirmed=1`);
            const shown = value.slice(0, 20);
            if (![400, 404, 414].includes(status))
              wrong.push(`${method} ${path} ${place}=${shown}: ${status}`);
            const further = recorder.asked.filter(
              (one) => !known.has(one.path) && !(place === ':token' && ofTokens.test(one.path)),
            );
            if (further.length > 0)
              wrong.push(`${method} ${path} ${place}=${shown} asked for ${further.map((one) => one.path)}`);
          }
        }
    }
    context.diagnostic(`${calls} calls`);
    assert.deepEqual(wrong, []);
  });

  test('an address that is no path of ours is not found', async () => {
    for (const path of [
      '//',
      '///evil.example',
      '//evil.example/account',
      '/\\evil.example',
      '/%2f%2fevil',
      '/..',
    ])
      assert.equal((await ask('GET', path))[0], 404, path);
  });

  test('whoever signs in is led on to a page of ours, whatever host stood before the path', async () => {
    const { cookies } = reader;
    const kept = [...cookies];
    cookies.clear();
    const [, location] = await ask('GET', 'http://evil.example/account?of=us');
    for (const [name, value] of kept) cookies.set(name, value);
    const _onward = new URL(location ?? '', world.webUrl).searchParams.get('onward') ?? '';
    const ledOn = await reader.submit('/sign-in/again', { password: 'an unusual passphrase', _onward });
    assert.equal(ledOn.location, '/account?of=us');
  });

  test('what a form brings leads to no other page, and breaks no header', async () => {
    const template = world.tenant.templates.sms;
    const list = `/services/${world.tenant.id}/templates`;
    for (const here of ['a&b=c', 'x\nX-Set: 1', '\u{1F6A2}', '../../account']) {
      const copied = await reader.submit(list, { template, do: 'copy', here });
      assert.equal(copied.status, 303, here);
      assert.equal(new URL(copied.location!, world.webUrl).searchParams.get('folder'), here);
    }
  });

  test('no query and no form is so odd that a page breaks', async (context: TestContext) => {
    const token = /name="_token" value="([^"]+)"/.exec((await reader.get('/services')).text)![1]!;
    const ids: Record<string, string> = {
      ...{ service: world.tenant.id, serviceId: world.tenant.id, template: world.tenant.templates.sms },
      ...{ user: await world.addUser([]), type: 'delivery_status', row: '1', topic: 'statuses' },
    };
    const { body } = await world.admin('GET', '/provider-details');
    ids['provider'] = body.provider_details[0].id;
    const wrong: string[] = [];
    let calls = 0;
    for (const { path, get, post } of pages) {
      if (path === '/sign-out') continue;
      const address = path.replace(/:(\w+)/g, (_, name: string) => ids[name] ?? randomUUID());
      const look = async (value: string) => {
        const query = allOf(queryFields, value);
        const form = allOf(formFields, value, [['_token', token]]);
        const answers = [
          get && (await ask('GET', `${address}?${query}`)),
          post && (await ask('POST', address, form)),
          // Whatever else is filled in, so that a form gets as far as what it does.
          post && (await ask('POST', address, `_token=${token}&reason=why&do=${encodeURIComponent(value)}`)),
        ];
        for (const [index, answer] of answers.entries()) {
          if (!answer) continue;
          calls += 1;
          const what = ['the query', 'the form', 'do'][index];
          // 503: the API was late, as on a machine under load.
          if (answer[0] === 500)
            wrong.push(`${path}: ${answer[0]} when ${what} is ${JSON.stringify(value).slice(0, 30)}`);
        }
      };
      await Promise.all(odd.map(look));
    }
    context.diagnostic(`${calls} calls`);
    assert.deepEqual(wrong, []);
  });
});
