import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { dayAfter, dayOf } from '../src/ground/clock.ts';
import { idFloor } from '../src/ground/id.ts';
import type { Loaded } from './history-load.ts';
import { quantile } from './scenario.ts';
import type { Visitor } from './visitor.ts';

/** `limit`: p95 in milliseconds (spec 07, section 12). `reads`: of the API, at most; null: no limit. */
export type PageRead = Readonly<{
  group: 'dashboard' | 'file' | 'message' | 'lists' | 'find' | 'reference' | 'others';
  name: string;
  path: string;
  /** What is searched for. */
  term?: string;
  reads: number | null;
}>;

export type PageReading = Readonly<{
  group: PageRead['group'];
  read: string;
  p50_ms: number;
  p95_ms: number;
  max_ms: number;
  /** CPU of one page, of the role `web`, and of API and PostgreSQL together: steadier than the clock. */
  web_cpu_ms: number;
  api_cpu_ms: number;
  /** Requests to the API for the page itself, and with those for who asks and for which service. */
  reads: number;
  reads_with_frame: number;
  /** Compressed. */
  bytes: number;
}>;

const mostReads = 4;
/** The numbers of the history begin with 447700. */
const neverSentTo = '07717 900123';

/** What people look at, of the largest service and of the platform. */
export async function pagesOf(client: pg.Client, loaded: Loaded, now: number): Promise<readonly PageRead[]> {
  const { serviceId, recipient, reference } = loaded;
  const { job, key, template, message, emailAddress } = await examplesOf(client, serviceId, now);
  const at = (path: string) => `/services/${serviceId}${path}`;
  const today = dayOf(now);
  const of = (
    group: PageRead['group'],
    paths: Readonly<Record<string, string>>,
    reads: number | null = mostReads,
  ) => Object.entries(paths).map(([name, path]): PageRead => ({ group, name, path, reads }));
  const find = (group: 'find' | 'reference', name: string, term: string): PageRead => ({
    // The search is a page of its own, which leads to what was found.
    ...{ group, name, term, path: at('/find'), reads: 2 * mostReads },
  });
  const list = at('/messages');
  return [
    ...of('dashboard', { dashboard: at('') }),
    ...of('file', { file: at(`/files/${job}`) }),
    ...of('message', { message: at(`/messages/${message}`) }),
    ...of('lists', {
      messages: list,
      older: `${list}?older_than=${idFloor(now - 5 * 86_400_000)}`,
      texts: `${list}?type=sms`,
      under_way: `${list}?status=under-way`,
      failed: `${list}?status=failed`,
      rare: `${list}?status=technical-failure`,
      none: `${list}?status=cancelled`,
      template: `${list}?template=${template}`,
      messages_of_file: `${list}?file=${job}`,
      key: `${list}?key=${key}`,
      day: `${list}?from=${dayAfter(today, -2)}&until=${dayAfter(today, -2)}`,
      tests: `${list}?tests=1`,
      all_at_once: `${list}?type=sms&status=failed&template=${template}&from=${dayAfter(today, -3)}`,
      files: at('/files'),
      rows_of_file: `${at(`/files/${job}`)}?status=failed`,
      templates: at('/templates'),
      received: at('/received'),
      team: at('/team'),
      history: at('/history'),
      downloads: at('/downloads'),
      keys: at('/developers/keys'),
      callbacks: at('/developers/callbacks'),
    }),
    find('find', 'whole_number', recipient),
    find('find', 'address', emailAddress),
    // What may be a part of a reference is looked for in those of the newest messages too.
    find('reference', 'end_of_number', recipient.slice(-6)),
    find('reference', 'reference', reference),
    find('reference', 'part_of_reference', reference.slice(2)),
    find('reference', 'no_part_of_reference', 'no-such-part'),
    find('reference', 'nearest_number', neverSentTo),
    ...of('others', {
      template_page: at(`/templates/${template}`),
      send_one: at(`/templates/${template}/send`),
      upload_form: at(`/templates/${template}/upload`),
      usage: at('/usage'),
      developers: at('/developers'),
      settings: at('/settings'),
    }),
  ];
}

/** What operators look at. The first page reads what all operators share, once a second for all of them. */
export const operatorPages: readonly PageRead[] = [
  { group: 'others', name: 'platform', path: '/platform', reads: null },
  ...['providers', 'queues', 'stuck', 'services', 'users', 'figures', 'events', 'system'].map(
    (name): PageRead => ({
      group: 'others',
      name: `platform_${name}`,
      path: `/platform/${name}`,
      reads: mostReads,
    }),
  ),
];

/** A file, a key, a template and a message of the last days, and an address that was sent to. */
async function examplesOf(client: pg.Client, serviceId: string, now: number) {
  const recent = [serviceId, idFloor(now - 3 * 86_400_000)];
  const one = async (columns: string, where: string): Promise<string> => {
    const { rows } = await client.query<{ found: string }>(
      `select ${columns} as found from notification_history where service_id = $1 and id > $2 and ${where} order by id limit 1`,
      recent,
    );
    const found = rows[0]?.found;
    if (found === undefined) throw new Error(`There is no message of the last days for which ${where}`);
    return found;
  };
  const job = await one('job_id', 'job_id is not null');
  // Its totals were counted with those of the days.
  await client.query(
    'update jobs set notification_count = (select sum(count) from job_totals where job_id = $1) where id = $1',
    [job],
  );
  const message = await one('id', `notification_type = 'sms' and status = 'delivered'`);
  const email = await one('id', `notification_type = 'email'`);
  const emailAddress = 'reader-17@example.com';
  await client.query('update notifications set recipient = $2, normalised_recipient = $2 where id = $1', [
    email,
    emailAddress,
  ]);
  return {
    ...{ job, message, emailAddress },
    key: await one('api_key_id', 'api_key_id is not null'),
    template: await one('template_id', `notification_type = 'sms'`),
  };
}

type Measures = Readonly<{
  /** So far, in seconds. */
  cpuSeconds: () => Readonly<{ web: number; api: number }>;
  /** Requests that the API has answered so far. */
  answered: () => Promise<number>;
  times: number;
}>;

/** What loads the page and returns its bytes; for a search from the click until what was found is there. */
async function loaderOf(
  visitor: Visitor,
  path: string,
  term: string | undefined,
): Promise<() => Promise<number>> {
  if (term === undefined) return async () => (await visitor.get(path)).bytes;
  const search = await visitor.formAt(path, { to: term });
  return async () => (await visitor.get(await search())).bytes;
}

/** The pages keep who asks, the service and what many look at for a second. */
const keptMilliseconds = 1050;

/** Asks for a page so many times, each time as the first who does within a second. Throws unless the answer is 200. */
export async function readPage(
  visitor: Visitor,
  { group, name, path, term }: PageRead,
  { cpuSeconds, answered, times }: Measures,
): Promise<PageReading> {
  const load = await loaderOf(visitor, path, term);
  await load();
  await sleep(keptMilliseconds);
  const before = await answered();
  const bytes = await load();
  const withFrame = (await answered()) - before;
  const latencies = new Float64Array(times);
  const spent = { web: 0, api: 0 };
  for (let time = 0; time < times; time++) {
    await sleep(keptMilliseconds);
    const start = cpuSeconds();
    const began = performance.now();
    await load();
    latencies[time] = performance.now() - began;
    const end = cpuSeconds();
    spent.web += end.web - start.web;
    spent.api += end.api - start.api;
  }
  latencies.sort();
  const [p50_ms, p95_ms, max_ms] = [0.5, 0.95, 1].map((part) => quantile(latencies, part)) as [
    number,
    number,
    number,
  ];
  const [web_cpu_ms, api_cpu_ms] = [spent.web, spent.api].map((seconds) => (seconds * 1000) / times) as [
    number,
    number,
  ];
  const frame = path.startsWith('/services/') ? 2 : 1;
  const reading = {
    ...{ group, read: name, p50_ms, p95_ms, max_ms, web_cpu_ms, api_cpu_ms, bytes },
    ...{ reads: withFrame - frame, reads_with_frame: withFrame },
  };
  console.error(
    `  ${name}: p50 ${p50_ms.toFixed(1)} ms, p95 ${p95_ms.toFixed(1)} ms, CPU of web ${web_cpu_ms.toFixed(1)} ms, of API and database ${api_cpu_ms.toFixed(1)} ms, ${reading.reads} reads, ${bytes} bytes`,
  );
  return reading;
}
