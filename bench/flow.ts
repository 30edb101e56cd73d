import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { openAccount, openInstallation } from './installation.ts';
import { closedLoop, describeRefusals, type LoadOptions, Requests, type Tally, Wire } from './load.ts';
import type { SandboxClient } from './sandbox-client.ts';
import { type Outcome, quantile, type Scenario, type Settings } from './scenario.ts';

const connections = 64;
const singles = 100;
const pollMilliseconds = 250;
/**
 * Messages that are not final when nothing has changed for this long are lost. Longer than the recovery of a worker.
 */
const patienceMilliseconds = 40_000;

const finalStatuses = ['delivered', 'sent', 'temporary-failure', 'permanent-failure', 'technical-failure'];

/**
 * Messages from the API to `delivered`, through one API process, one worker process and a provider that is called, and
 * reports, over HTTP. Counts at both ends: every accepted message must reach a final status, and the provider exactly
 * once.
 */
export const flow: Scenario = {
  name: 'flow',
  summary: 'messages per second from the API to delivered, and the latency of one message on an idle system',
  run: measureFlow,
};

/** The installation under test, and the ids of all messages that it has accepted. */
type Installation = Readonly<{
  client: pg.Client;
  provider: SandboxClient;
  load: LoadOptions;
  accepted: string[];
}>;

async function measureFlow(harness: Harness, { messages: wanted, emails }: Settings): Promise<Outcome> {
  const messages = wanted ?? 20_000;
  const { client, provider, api, worker, memory } = await openInstallation(harness);
  const accepted: string[] = [];
  const load: LoadOptions = {
    url: api.url,
    requests: new Requests(await openAccount(harness, client), emails),
    connections,
    onAccepted: (body) => accepted.push((JSON.parse(body.toString()) as { id: string }).id),
  };
  const installation: Installation = { client, provider: provider.client, load, accepted };

  const warmUp = await sendAll(installation, Math.ceil(messages / 10));
  const idle = await measureIdle(installation, Math.min(singles, Math.ceil(messages / 10)));

  const before = accepted.length;
  const startedAt = Date.now();
  const tally = await sendAll(installation, messages);
  const progress = await readProgress(client, accepted.slice(before));

  const lost = accepted.length - (await readProgress(client, accepted)).final;
  const counts = await provider.client.counts();
  const servers = [api.child, worker.child];
  const faults = [
    ...[warmUp, idle, tally].flatMap((each) => describeRefusals('API', each)),
    ...unexpectedEnds([...servers, provider.child]),
  ];
  if (lost > 0) faults.push(`${lost} accepted messages did not reach a final status`);
  if (progress.delivered < progress.final)
    faults.push(`${progress.final - progress.delivered} messages are final but not delivered`);
  if (counts.duplicates > 0) faults.push(`${counts.duplicates} messages reached the provider more than once`);
  if (counts.distinct !== accepted.length)
    faults.push(`${accepted.length} messages were accepted, but ${counts.distinct} reached the provider`);
  return {
    faults,
    figures: [
      {
        key: 'per_second',
        meaning: `API to delivered, ${messages} messages`,
        value: progress.final === 0 ? 0 : (progress.final * 1000) / (progress.lastAt - startedAt),
        unit: '/s',
        target: { atLeast: 1000 },
      },
      { key: 'lost', meaning: 'accepted, but never final', value: lost, target: { atMost: 0 } },
      {
        key: 'twice',
        meaning: 'handed to the provider more than once',
        value: counts.duplicates,
        target: { atMost: 0 },
      },
      {
        key: 'accepted_per_second',
        meaning: 'accepted by the API, until all were',
        value: (tally.accepted * 1000) / tally.milliseconds,
        unit: '/s',
      },
      { key: 'handed_over_p50_ms', meaning: 'created to sent, p50', value: progress.p50, unit: 'ms' },
      { key: 'handed_over_p95_ms', meaning: 'created to sent, p95', value: progress.p95, unit: 'ms' },
      {
        key: 'idle_p50_ms',
        meaning: 'idle system, 201 to arrival at the provider, p50',
        value: quantile(idle.latencies, 0.5),
        unit: 'ms',
      },
      {
        key: 'idle_p95_ms',
        meaning: 'idle system, 201 to arrival at the provider, p95',
        value: quantile(idle.latencies, 0.95),
        unit: 'ms',
        target: { under: 150 },
      },
      ...memory(),
    ],
  };
}

/** Sends messages as fast as they are accepted, and waits until all are final or nothing changes any more. */
async function sendAll(installation: Installation, messages: number): Promise<Tally> {
  const { load, accepted, client, provider } = installation;
  let left = messages;
  const tally = await closedLoop(load, () => left-- > 0);
  let most = -1;
  let movedAt = performance.now();
  while (performance.now() - movedAt < patienceMilliseconds) {
    // Polling the provider does not load the database, which decides in the end.
    let moved = (await provider.counts()).reported;
    if (moved >= accepted.length) {
      const { rows } = await client.query<{ final: number }>(
        'select count(*)::int as final from notification_history where status = any($1)',
        [finalStatuses],
      );
      const { final } = rows[0]!;
      if (final >= accepted.length) break;
      moved += final;
    }
    if (moved > most) {
      most = moved;
      movedAt = performance.now();
    }
    await sleep(pollMilliseconds);
  }
  return tally;
}

/** One message after another: milliseconds from its 201 to its arrival at the provider, sorted. */
async function measureIdle(
  { load, provider, accepted }: Installation,
  messages: number,
): Promise<Tally & { latencies: Float64Array }> {
  const latencies = new Float64Array(messages);
  const refusals = new Map<string, number>();
  const wire = await Wire.open(load.url);
  const started = performance.now();
  for (let index = 0; index < messages; index++) {
    const { status, body } = await wire.send(load.requests.take());
    const answeredAt = Date.now();
    if (status !== 201) {
      refusals.set(`${status} on an idle system`, (refusals.get(`${status} on an idle system`) ?? 0) + 1);
      latencies[index] = Number.NaN;
      continue;
    }
    load.onAccepted?.(body);
    const arrivedAt = await provider.arrival({ reference: accepted.at(-1)! }, patienceMilliseconds);
    latencies[index] = arrivedAt - answeredAt;
    // Its receipt must not coincide with the next message.
    await sleep(30);
  }
  wire.close();
  return {
    accepted: messages,
    milliseconds: performance.now() - started,
    refusals,
    latencies: latencies.sort(),
  };
}

/** `lastAt`: Unix milliseconds of the last receipt; `p50`, `p95`: milliseconds from created to sent. */
type Progress = Readonly<{ final: number; delivered: number; lastAt: number; p50: number; p95: number }>;

/** The database's figures for those of these messages that are final. */
async function readProgress(client: pg.Client, ids: readonly string[]): Promise<Progress> {
  const { rows } = await client.query<Progress>(
    `select count(*)::int as final, count(*) filter (where status = 'delivered')::int as delivered,
       (extract(epoch from max(updated_at)) * 1000)::float8 as "lastAt",
       percentile_cont(0.5) within group (order by extract(epoch from sent_at - created_at)::float8 * 1000) as p50,
       percentile_cont(0.95) within group (order by extract(epoch from sent_at - created_at)::float8 * 1000) as p95
     from notification_history where id = any($1::uuid[]) and status = any($2)`,
    [ids, finalStatuses],
  );
  return rows[0]!;
}
