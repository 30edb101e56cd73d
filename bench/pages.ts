import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { readCredentials } from '../src/bootstrap/credentials.ts';
import { signToken } from '../src/cli/client.ts';
import { userPermissions } from '../src/http/server/permission.ts';
import { type Child, unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import {
  disconnected,
  type Installation,
  install,
  missed,
  sequentialScans,
  start,
  stopAll,
} from './history.ts';
import { type Loaded, loadHistory } from './history-load.ts';
import { openAccount, startServer } from './installation.ts';
import { renderList } from './page-list.ts';
import { operatorPages, type PageRead, type PageReading, pagesOf, readPage } from './page-reads.ts';
import { type Figure, type Outcome, quantile, type Scenario, type Settings } from './scenario.ts';
import { firstVisit, Visitor } from './visitor.ts';

const usualRows = 10_000_000;
const usualFileRows = 100_000;
/** The most that a file may have (spec 03, section 6). */
const fileBytes = 10 * 1024 * 1024;
const changes = 20;

/** Spec 07, section 12. */
const limits = {
  ...{ html: 10, style: 18, scripts: 20, first: 48, requests: 5, later: 12 },
  ...{ render: 3, dashboard: 100, file: 60, message: 60, lists: 100, find: 100, reference: 300 },
  ...{ change: 2000, upload: 10, memory: 128 },
} as const;

/** Section 12 of docs/spec/07-web-pages.md: what pages weigh, how long they take, and what the role `web` needs. */
export const pages: Scenario = {
  name: 'pages',
  summary: 'the budget of the pages, with 10 million messages of a year, and a file of 100,000 rows',
  run: measurePages,
};

async function measurePages(harness: Harness, settings: Settings): Promise<Outcome> {
  const installation = await install(harness);
  const { client, databaseUrl, provider } = installation;
  const servers = await start(installation, ['api', 'worker', 'scheduler']);
  await openAccount(harness, client);
  const rows = settings.rows ?? usualRows;
  const loaded = await loadHistory({ databaseUrl, client, secretKey: harness.secretKey }, rows, (what) =>
    console.error(`  ${what}`),
  );
  const times = Math.max(1, Math.round(settings.seconds * 4));
  const api = servers[0]!;
  // The tasks of the scheduler may read whole partitions, which is none of the pages' doing.
  const faults = await stopAll(servers.splice(2));
  const web = await startWeb(harness, databaseUrl, api.url);
  const member = await signIn(harness, client, api.url, web.url, loaded.serviceId);
  const operator = await signIn(harness, client, api.url, web.url, null);

  const service = `/services/${loaded.serviceId}`;
  const first = await firstVisit(member, service);
  const { bytes: later } = await member.get(service);
  const cpuSeconds = () => ({
    web: web.child.processorSeconds ?? Number.NaN,
    api: (api.child.processorSeconds ?? Number.NaN) + installation.databaseSeconds(),
  });
  const measures = { cpuSeconds, answered: () => answeredBy(api.url), times };
  const asked = await pagesOf(client, loaded, Date.now());
  await client.query('select pg_stat_reset()');
  const readings: PageReading[] = [];
  for (const page of asked) readings.push(await readPage(member, page, measures));
  for (const page of operatorPages) readings.push(await readPage(operator, page, measures));
  const list = await renderList(await serviceOf(api.url, harness, loaded.serviceId), (path) =>
    callAdmin(harness, api.url, 'GET', path),
  );
  const change = await changesToScreen(installation, member, api.url, loaded);
  const file = await sendFile(member, loaded, client, settings.messages ?? usualFileRows);
  const memory = (web.child.residentPeak ?? Number.NaN) / 2 ** 20;
  member.close();
  operator.close();
  faults.push(...unexpectedEnds([provider.child, web.child]));
  await web.child.stop();
  faults.push(...(await stopAll(servers)));
  await disconnected(client);
  const scans = await sequentialScans(client);
  const figures = figuresOf({ first, later, readings, list, change, file, memory, scans });
  const all: readonly PageRead[] = [...asked, ...operatorPages];
  const greedy = readings.flatMap(({ read, reads }, index) => {
    const most = all[index]!.reads;
    return most !== null && reads > most
      ? [`${read} asks the API ${reads} times, and may ${most} times`]
      : [];
  });
  const scanned = scans.map((name) => `${name} was read as a whole`);
  const kept = figures.filter(({ key }) => key !== 'api_reads');
  return { figures, rows: readings, faults: [...faults, ...greedy, ...scanned, ...missed(kept)] };
}

type Web = Readonly<{ child: Child; url: string }>;

/**
 * The pages in a process of their own, which knows nothing but the API's address and how to sign. It is the second one: the
 * first start after an install compiles its modules, which takes memory once (docs/decisions/0022).
 */
async function startWeb(harness: Harness, databaseUrl: string, apiUrl: string): Promise<Web> {
  const start = async (name: string) => {
    const { child } = await startServer(harness, {
      ...{ databaseUrl, roles: 'web', name },
      environment: {
        ...{ WEB_PORT: '0', WEB_API_URL: apiUrl },
        ADMIN_CLIENT_SECRET: readCredentials(harness.dataDir)!.admin.secret,
      },
    });
    return { child, url: (await child.logged(/^\s*Pages\s+(http:\S+)/m))[1]! };
  };
  const first = await start('web-first');
  // What is loaded on demand is compiled too.
  const stranger = new Visitor(first.url);
  await stranger.ask('/sign-in');
  stranger.close();
  await first.child.stop();
  return await start('web');
}

/** Calls the admin API. Throws an Error for anything but success. */
async function callAdmin<T>(
  harness: Harness,
  api: string,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<T> {
  const { issuer, secret } = readCredentials(harness.dataDir)!.admin;
  const answer = await fetch(api + path, {
    method,
    headers: { Authorization: `Bearer ${signToken(issuer, secret)}` },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status} ${text.slice(0, 300)}`);
  return JSON.parse(text) as T;
}

/** A new person, signed in; with every permission in the service, or an operator. */
async function signIn(
  harness: Harness,
  client: pg.Client,
  api: string,
  web: string,
  serviceId: string | null,
): Promise<Visitor> {
  const post = <T>(path: string, body: object) => callAdmin<{ data: T }>(harness, api, 'POST', path, body);
  const { data: user } = await post<{ id: string }>('/user', {
    ...{ name: 'Sam Ferry', email_address: `sam.${randomUUID()}@example.com`, mobile_number: '07700 900321' },
    ...{ password: randomUUID(), state: 'active' },
  });
  if (serviceId === null)
    await client.query('update users set platform_admin = true where id = $1', [user.id]);
  else
    await post(`/service/${serviceId}/users/${user.id}`, {
      permissions: userPermissions.map((permission) => ({ permission })),
    });
  const { data: link } = await post<{ url: string }>(`/user/${user.id}/sign-in-link`, {});
  const visitor = new Visitor(web);
  await (await visitor.formAt(new URL(link.url).pathname, {}))();
  return visitor;
}

/** Requests that the API has answered so far, without those that ask it so. */
async function answeredBy(api: string): Promise<number> {
  const text = await (await fetch(`${api}/metrics`)).text();
  const lines = text.matchAll(/^despatch_http_request_duration_seconds_count\{([^}]*)\} (\d+)$/gm);
  return [...lines].reduce(
    (sum, [, labels, count]) => (labels!.includes('handler="status.') ? sum : sum + Number(count)),
    0,
  );
}

async function serviceOf(api: string, harness: Harness, id: string) {
  type Found = Readonly<{ name: string; active: boolean; restricted: boolean; prefix_sms: boolean }>;
  const { data } = await callAdmin<{ data: Found }>(harness, api, 'GET', `/service/${id}`);
  const { name, active, restricted, prefix_sms: prefixesTexts } = data;
  return { id, name, active, restricted, prefixesTexts, limits: { sms: 0, email: 0 } };
}

/**
 * Milliseconds from when a receipt changed the status of a message until the page of that message, which somebody has
 * open, was told so: p95.
 */
async function changesToScreen(
  { provider, client }: Installation,
  member: Visitor,
  api: string,
  { serviceId, key }: Loaded,
): Promise<number> {
  // Late enough for the page to be open.
  await provider.client.behave({ receipt_delay_ms: { min: 3000, max: 6000 } });
  const { rows } = await client.query<{ id: string }>(
    `select id from templates where service_id = $1 and template_type = 'sms' limit 1`,
    [serviceId],
  );
  const one = async (_: unknown, index: number) => {
    const answer = await fetch(`${api}/v2/notifications/sms`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${signToken(key.slice(-73, -37), key.slice(-36))}` },
      body: JSON.stringify({
        ...{ template_id: rows[0]!.id, phone_number: `07700 900${300 + index}` },
        personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May' },
      }),
    });
    const { id } = (await answer.json()) as { id: string };
    const path = `/services/${serviceId}/messages/${id}?_live=1`;
    await member.listen(path, (text) => /id="became".*?>Delivered</s.test(text));
    return { id, seenAt: Date.now() };
  };
  const seen = await Promise.all(Array.from({ length: changes }, one));
  const { rows: changed } = await client.query<{ id: string; updated_at: Date }>(
    'select id, updated_at from notification_history where id = any($1)',
    [seen.map(({ id }) => id)],
  );
  const changedAt = new Map(changed.map(({ id, updated_at: at }) => [id, at.getTime()]));
  const waits = seen.map(({ id, seenAt }) => seenAt - (changedAt.get(id) ?? Number.NaN));
  return quantile(
    waits.toSorted((a, b) => a - b),
    0.95,
  );
}

/** Uploads the largest file that is allowed, and waits for its check page. */
async function sendFile(
  member: Visitor,
  { serviceId }: Loaded,
  client: pg.Client,
  rows: number,
): Promise<Readonly<{ rows: number; bytes: number; seconds: number }>> {
  const { rows: found } = await client.query<{ id: string }>(
    `select id from templates where service_id = $1 and template_type = 'sms' limit 1`,
    [serviceId],
  );
  const width = Math.min(100, Math.floor((fileBytes - 100) / rows) - 2);
  const lines = Array.from({ length: rows }, (_, row) =>
    `07${700_000_000 + row},Rowan ${row},Sea Charts,4 May,`.padEnd(width, '-'),
  );
  const content = Buffer.from(['phone number,name,title,date,note', ...lines, ''].join('\r\n'));
  const began = performance.now();
  const to = await member.upload(
    `/services/${serviceId}/templates/${found[0]!.id}/upload`,
    'people.csv',
    content,
  );
  const { text } = await member.get(to);
  const seconds = (performance.now() - began) / 1000;
  if (!text.includes(`Send ${rows.toLocaleString('en-GB')} text messages`))
    throw new Error(`The check page of the file does not offer to send it: ${to}`);
  return { rows, bytes: content.length, seconds };
}

type Measured = Readonly<{
  first: Awaited<ReturnType<typeof firstVisit>>;
  later: number;
  readings: readonly PageReading[];
  list: Awaited<ReturnType<typeof renderList>>;
  change: number;
  file: Awaited<ReturnType<typeof sendFile>>;
  memory: number;
  scans: readonly string[];
}>;

function figuresOf({ first, later, readings, list, change, file, memory, scans }: Measured): Figure[] {
  const kilobytes = (key: string, meaning: string, bytes: number, atMost: number): Figure => ({
    ...{ key: `${key}_kb`, meaning, value: bytes / 1024, unit: 'KB', target: { atMost } },
  });
  const slowest = (group: PageRead['group'], meaning: string, atMost?: number): Figure => ({
    key: `${group}_p95_ms`,
    meaning,
    value: Math.max(...readings.filter((reading) => reading.group === group).map(({ p95_ms }) => p95_ms)),
    ...{ unit: 'ms', ...(atMost !== undefined && { target: { atMost } }) },
  });
  const { html, style, scripts, rest, requests } = first;
  return [
    kilobytes('html', 'first visit, compressed: HTML', html, limits.html),
    kilobytes('style', 'style', style, limits.style),
    kilobytes('scripts', 'scripts', scripts, limits.scripts),
    kilobytes('first', 'all of it, with the icon', html + style + scripts + rest, limits.first),
    { key: 'requests', meaning: 'requests', value: requests, target: { atMost: limits.requests } },
    kilobytes('later', 'later visits, in one request', later, limits.later),
    {
      ...{
        key: 'render_ms',
        meaning: `making a list of ${list.rows} messages, p95`,
        value: list.milliseconds,
      },
      ...{ unit: 'ms', target: { atMost: limits.render } },
    },
    slowest('dashboard', 'p95 of the dashboard', limits.dashboard),
    slowest('file', 'of a file', limits.file),
    slowest('message', 'of a message', limits.message),
    slowest('lists', 'of the slowest list', limits.lists),
    slowest('find', 'of finding a whole number or address', limits.find),
    slowest('reference', 'of finding a part of a reference, and whatever may be one', limits.reference),
    slowest('others', 'of the slowest other page'),
    {
      ...{ key: 'change_p95_ms', meaning: `a receipt to an open page, p95 of ${changes}`, value: change },
      ...{ unit: 'ms', target: { atMost: limits.change } },
    },
    {
      ...{
        key: 'upload_seconds',
        meaning: `${file.rows} rows, ${(file.bytes / 2 ** 20).toFixed(1)} MiB: to the check page`,
      },
      ...{ value: file.seconds, unit: 's', target: { atMost: limits.upload } },
    },
    {
      ...{ key: 'web_memory_mib', meaning: 'most memory of the role web, in all of this', value: memory },
      ...{ unit: 'MiB', target: { atMost: limits.memory } },
    },
    {
      ...{ key: 'api_reads', meaning: 'most reads of the API for one page, without /platform and searches' },
      value: Math.max(
        ...readings
          .filter(({ read, group }) => read !== 'platform' && group !== 'find' && group !== 'reference')
          .map(({ reads }) => reads),
      ),
      target: { atMost: 4 },
    },
    {
      ...{ key: 'sequential_scans', meaning: 'partitions that were read as a whole', value: scans.length },
      target: { atMost: 0 },
    },
  ];
}
