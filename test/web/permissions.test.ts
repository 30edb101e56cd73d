import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, type TestContext, test } from 'node:test';
import type { Page } from '../../src/web/frame/page.ts';
import { pages } from '../../src/web/pages.ts';
import { createWebWorld, everyPermission, type Seen, type Visitor, type WebWorld } from '../support/web.ts';
import { receiving } from './fill-received.ts';
import { fillTeam } from './fill-team.ts';
import { serviceFills } from './fills.ts';

/** What somebody gets: `in` the page, `sign in` first, that it needs a permission, or that there is no such thing. */
type Verdict = 'in' | 'sign in' | 'not allowed' | 'not found';

type Who = Readonly<{ name: string; visitor: Visitor; permissions: readonly string[] | 'operator' | null }>;

/** The answer (spec 07, section 5). `permissions`: in the service; null: signed in, and no member of it. */
/** Pages that show who was written to: operators who are no members get figures only (spec 07, section 5). */
const isForMembers =
  /^\/services\/:service\/(downloads(\/:report\/csv)?|files\/:job\/csv|uploads\/:upload(\/.*)?)$/;

function expected({ needs, path }: Page, permissions: Who['permissions'] | 'nobody'): Verdict {
  if (needs === 'nothing') return 'in';
  if (permissions === 'nobody') return 'sign in';
  if (permissions === 'operator' && isForMembers.test(path)) return 'not allowed';
  if (needs === 'signed in' || permissions === 'operator') return 'in';
  if (needs === 'operator') return 'not allowed';
  assert.ok(path.startsWith('/services/:service'), `${path} is about no service`);
  if (permissions === null) return 'not found';
  if (needs === 'member') return 'in';
  // The body of a callback names the recipient, so that reading one needs more than keys do.
  if (path === '/services/:service/developers/callbacks/:callback' && !permissions.includes('view_activity'))
    return 'not allowed';
  return [needs].flat().some((permission) => permissions.includes(permission)) ? 'in' : 'not allowed';
}

function verdictOf({ needs }: Page, { status, location, text }: Seen): Verdict {
  assert.ok(status < 500, `it answered ${status}`);
  if (location?.startsWith('/sign-in?onward=') || (status === 401 && text.includes('Sign in to go on')))
    return 'sign in';
  if (status === 404) return 'not found';
  const isRefusal = text.includes('You are not allowed to see this page');
  if (isRefusal && status === 403 && needs !== 'nothing') return 'not allowed';
  return 'in';
}

suite('what somebody may open and do (spec 07, sections 5 and 14)', () => {
  let world: WebWorld;
  let values: Readonly<Record<string, string>>;
  let people: readonly Who[];
  let nobody: Visitor;
  before(async () => {
    world = await createWebWorld(receiving);
    values = { service: world.tenant.id, ...(await fillTeam(world, world.tenant.id)) };
    const other = await world.addTenant({});
    nobody = world.stranger();
    const member = async (permissions: readonly string[]) => ({
      name: `a member with ${permissions.join() || 'no permission'}`,
      visitor: await world.person(permissions),
      permissions,
    });
    people = [
      await member([]),
      ...(await Promise.all(everyPermission.map((permission) => member([permission])))),
      { name: 'a stranger', visitor: await world.person(everyPermission, other.id), permissions: null },
      {
        name: 'an operator',
        visitor: await world.person('operator', world.tenant.id),
        permissions: 'operator',
      },
    ];
  });
  after(() => world.stop());

  const addressOf = ({ path }: Page) =>
    path.replace(/:(\w+)/g, (_, name: string) => values[name] ?? randomUUID());

  test('each page opens for exactly those who may see it', async (context: TestContext) => {
    let calls = 0;
    const wrong: string[] = [];
    for (const page of pages) {
      if (!page.get) continue;
      const address = addressOf(page);
      const look = async (name: string, visitor: Visitor, permissions: Who['permissions'] | 'nobody') => {
        const got = verdictOf(page, await visitor.get(address));
        const want = expected(page, permissions);
        calls += 1;
        // Ids that nobody has given to this test lead nowhere, for whoever may ask.
        const isUnknown =
          want === 'in' && got === 'not found' && /:(?!service\b)|\/replayed$/.test(page.path);
        if (got !== want && !isUnknown) wrong.push(`${page.path}, ${name}: ${got} instead of ${want}`);
      };
      await Promise.all([
        look('nobody', nobody, 'nobody'),
        ...people.map(({ name, visitor, permissions }) => look(name, visitor, permissions)),
      ]);
    }
    context.diagnostic(`${calls} calls`);
    assert.deepEqual(wrong, []);
  });

  test('a form is refused to whoever may not open its page', async (context: TestContext) => {
    let calls = 0;
    const wrong: string[] = [];
    const tokenOf = async (visitor: Visitor) =>
      /name="_token" value="([^"]+)"/.exec((await visitor.get('/forgot-password')).text)![1]!;
    const callers = [{ name: 'nobody', visitor: nobody, permissions: 'nobody' as const }, ...people];
    const tokens = await Promise.all(callers.map(({ visitor }) => tokenOf(visitor)));
    for (const page of pages) {
      if (!page.post) continue;
      await Promise.all(
        callers.map(async ({ name, visitor, permissions }, index) => {
          const want = expected(page, permissions);
          if (want === 'in') return;
          const got = verdictOf(page, await visitor.post(addressOf(page), `_token=${tokens[index]}`));
          calls += 1;
          // Or there is nothing with the ids of this test, for whoever asks.
          const isUnknown = got === 'not found' && /:(?!service\b)/.test(page.path);
          if (got !== want && !isUnknown) wrong.push(`${page.path}, ${name}: ${got} instead of ${want}`);
        }),
      );
    }
    context.diagnostic(`${calls} calls`);
    assert.deepEqual(wrong, []);
  });

  test('ids of another service are not found, whatever is asked with them', async (context: TestContext) => {
    const tenant = await world.addTenant({});
    const other = { ...world, tenant };
    const foreign: Record<string, string> = {};
    for (const fill of serviceFills) Object.assign(foreign, await fill(other));
    const reader = await world.person(everyPermission);
    const token = /name="_token" value="([^"]+)"/.exec((await reader.get('/forgot-password')).text)![1]!;
    let calls = 0;
    const wrong: string[] = [];
    for (const page of pages) {
      // The type of a callback is a word, and no id of anybody's.
      const names = [...page.path.matchAll(/:(?!type\b)(\w+)/g)].map(([, name]) => name!);
      if (!page.path.startsWith('/services/:service') || names.length < 2) continue;
      const address = page.path.replace(/:(\w+)/g, (_, name: string) =>
        name === 'service' ? world.tenant.id : foreign[name]!,
      );
      assert.ok(!address.includes('undefined'), `nothing of the kind of ${page.path} was made`);
      const answers: [string, Seen | null][] = [
        ['GET', page.get && (await reader.get(address))],
        ['POST', page.post && (await reader.post(address, `_token=${token}&do=remove`))],
      ];
      for (const [method, seen] of answers) {
        if (!seen) continue;
        calls += 1;
        // A path that only takes forms leads back to the list, and says nothing of the id.
        const isList = method === 'GET' && seen.status === 303 && !seen.location!.includes(address);
        if (seen.status !== 404 && !isList) wrong.push(`${method} ${page.path} answered ${seen.status}`);
      }
    }
    context.diagnostic(`${calls} calls`);
    assert.deepEqual(wrong, []);
  });
});
