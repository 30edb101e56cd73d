import assert from 'node:assert/strict';
import { after, before, suite, type TestContext, test } from 'node:test';
import { pages } from '../../src/web/pages.ts';
import { type Element, everyElement, parseMarkup } from '../support/markup.ts';
import { type Asked, type Recorder, startRecorder } from '../support/recorder.ts';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';
import { receiving } from './fill-received.ts';
import { fills } from './fills.ts';

/** Whether a call may be made twice: it asks, proves who somebody is, or leaves the same behind. */
function isHarmless({ method, path, body }: Asked): boolean {
  if (method === 'PUT' || method === 'DELETE' || /"dry_run":true/.test(body)) return true;
  return [
    /^\/user\/(email|check-token|first-operator\/check|[^/]+\/verify\/\w+|[^/]+\/update-password)$/,
    /^\/service\/[^/]+\/(notifications|template\/preview|callback-api\/[^/]+|job\/[^/]+\/\w+)$/,
  ].some((pattern) => pattern.test(path));
}

suite('forms (spec 07, sections 4 and 14)', () => {
  let recorder: Recorder;
  let world: WebWorld;
  let reader: Visitor;
  let other: Visitor;
  let stranger: Visitor;
  let values: Record<string, string>;
  before(async () => {
    recorder = await startRecorder();
    world = await createWebWorld({ ...receiving, WEB_API_URL: recorder.url });
    recorder.passOnTo(world.api);
    values = { service: world.tenant.id, topic: 'statuses' };
    for (const fill of fills) Object.assign(values, await fill(world));
    [reader, other] = [await world.person(everyPermission), await world.person(everyPermission)];
    await world.connection.pool.query('update users set platform_admin = true where id = $1', [
      reader.userId,
    ]);
    stranger = world.stranger();
  });
  after(async () => {
    await world?.stop();
    await recorder?.stop();
  });

  const addressOf = (path: string) => path.replace(/:(\w+)/g, (_, name: string) => values[name] ?? 'unknown');
  const tokenOf = async (visitor: Visitor) =>
    /name="_token" value="([^"]+)"/.exec((await visitor.get('/forgot-password')).text)![1]!;
  const writes = () => recorder.asked.filter(({ method }) => method !== 'GET');

  test('without a token of its session, or from elsewhere, no form does anything', async (context: TestContext) => {
    const foreign = await tokenOf(other);
    const ours = { 'sec-fetch-site': 'same-origin' };
    const wrong: string[] = [];
    let calls = 0;
    for (const { path, needs, post, receive } of pages) {
      if (!post && !receive) continue;
      for (const visitor of needs === 'nothing' ? [reader, stranger] : [reader]) {
        const own = await tokenOf(visitor);
        const attempts: readonly (readonly [string, string | null, Record<string, string>])[] = [
          ['no token', null, ours],
          ['another’s token', foreign, ours],
          ['half a token', own.slice(0, 20), ours],
          ['another site', own, { 'sec-fetch-site': 'cross-site' }],
          [
            'another site, which says it is ours',
            own,
            { 'sec-fetch-site': 'cross-site', origin: world.webUrl },
          ],
          ['another host of the site', own, { 'sec-fetch-site': 'same-site' }],
          ['another origin', own, { origin: 'https://evil.example' }],
          ['no origin', own, { origin: 'null' }],
          ['nobody says', own, {}],
        ];
        for (const [from, token, headers] of attempts)
          for (const isFile of receive ? [true, false] : [false]) {
            recorder.asked.length = 0;
            calls += 1;
            const { status } = await send(visitor, addressOf(path), token, headers, isFile);
            if (status !== 403) wrong.push(`${path} from ${from}: ${status}`);
            for (const { method, path: asked } of writes())
              wrong.push(`${path} from ${from}: ${method} ${asked}`);
          }
      }
    }
    context.diagnostic(`${calls} calls`);
    assert.deepEqual(wrong, []);
  });

  /** As a program sends it: nothing that a browser would add. */
  async function send(
    visitor: Visitor,
    path: string,
    token: string | null,
    headers: Record<string, string>,
    isFile: boolean,
  ): Promise<Response> {
    const fields: [string, string][] = token === null ? [] : [['_token', token]];
    const file = new FormData();
    for (const [name, value] of fields) file.append(name, value);
    file.append('file', new Blob(['phone number,name,time\n07700900111,Ada,1\n']), 'tides.csv');
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const body = isFile ? file : new URLSearchParams([...fields, ['do', 'remove'], ['confirmed', '1']]);
    return fetch(world.webUrl + path, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie, ...headers },
      body,
    });
  }

  test('a form that is sent twice at once is one request to the API', async (context: TestContext) => {
    const wrong: string[] = [];
    const done = new Set<string>();
    // What ends or removes something goes last: other forms are about it.
    const isEnd = (path: string) => /delete|remove|\/end$|archive|cancel|stop|sessions|password/.test(path);
    const order = [...pages].sort((one, two) => Number(isEnd(one.path)) - Number(isEnd(two.path)));
    for (const { path, get } of order) {
      if (!get) continue;
      const visitor = path.startsWith('/first') || path.startsWith('/register') ? stranger : reader;
      const seen = await visitor.get(addressOf(path));
      if (seen.status !== 200 || !seen.headers.get('content-type')?.startsWith('text/html')) continue;
      if (seen.headers.get('content-security-policy')!.includes('sandbox')) continue;
      for (const { action, body } of formsIn(seen.text)) {
        recorder.asked.length = 0;
        await visitor.post(action, body);
        const once = writes().map(called);
        recorder.asked.length = 0;
        const answers = await Promise.all([visitor.post(action, body), visitor.post(action, body)]);
        for (const { status } of answers) if (status === 500) wrong.push(`${action} answered ${status}`);
        for (const call of writes()) {
          if (isHarmless(call)) continue;
          if (!call.headers['idempotency-key']) wrong.push(`${path}: ${called(call)}`);
          else if (!once.includes(called(call))) wrong.push(`${path}: ${called(call)} only the second time`);
        }
        if (once.length > 0) done.add(action);
      }
    }
    context.diagnostic(`${done.size} forms: ${[...done].join(' ')}`);
    assert.deepEqual([...new Set(wrong)], []);
    assert.ok(done.size > 40);
  });
});

const called = ({ method, path, headers }: Asked) => `${method} ${path} with ${headers['idempotency-key']}`;

/** The forms of a page that post, once for each of their buttons, as somebody fills them in who means well. */
function formsIn(text: string): readonly Readonly<{ action: string; body: string }>[] {
  const main = everyElement(parseMarkup(text)).find(({ name }) => name === 'main')!;
  return everyElement([main])
    .filter(({ name, attributes }) => name === 'form' && attributes.get('method') === 'post')
    .filter(({ attributes }) => attributes.get('enctype') !== 'multipart/form-data')
    .flatMap((form) => {
      const parts = everyElement(form.children);
      const buttons = parts.filter(
        ({ name, attributes }) => name === 'button' && attributes.get('type') !== 'button',
      );
      return buttons.map(({ attributes }) => {
        const fields = new URLSearchParams(parts.flatMap(filledIn));
        if (attributes.has('name')) fields.set(attributes.get('name')!, attributes.get('value') ?? '');
        const action = attributes.get('formaction') ?? form.attributes.get('action')!;
        return { action, body: fields.toString() };
      });
    });
}

function filledIn({ name, attributes, children }: Element): [string, string][] {
  const field = attributes.get('name');
  if (field === undefined || attributes.has('disabled')) return [];
  const value = attributes.get('value') ?? '';
  if (name === 'textarea') return [[field, 'Written by a test']];
  if (name === 'select') {
    const options = everyElement(children).map((option) => option.attributes.get('value') ?? '');
    return [[field, options.find((option) => option !== '') ?? '']];
  }
  if (name !== 'input') return [];
  const type = attributes.get('type') ?? 'text';
  if (type === 'checkbox') return [[field, value]];
  if (type === 'radio') {
    const id = attributes.get('id');
    return id === field ? [[field, value]] : [];
  }
  if (type === 'hidden' || value !== '') return [[field, value]];
  if (type === 'email' || /email|address/.test(field)) return [[field, 'rowan@quay.example']];
  if (type === 'tel' || /mobile|phone|recipient|^to$/.test(field)) return [[field, '07700 900 111']];
  if (type === 'number' || attributes.get('inputmode') === 'numeric') return [[field, '5']];
  if (type === 'password') return [[field, 'an unusual passphrase']];
  return [[field, 'Written by a test']];
}
