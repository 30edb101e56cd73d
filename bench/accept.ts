import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { type Child, unexpectedEnds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { openAccount, startServer } from './installation.ts';
import { closedLoop, describeRefusals, type LoadOptions, openLoop, Requests, type Tally } from './load.ts';
import { median, type Outcome, quantile, type Scenario, type Settings } from './scenario.ts';

const connections = 64;
const rounds = 3;
/** Of each, in a round: a shared machine changes its speed every few seconds. */
const turns = 5;
/** As long before: V8 goes on compiling the code of a process for its first 40,000 requests. */
const warmUps = 3;

/**
 * How fast the API accepts text messages, as a multiple of a bare route with one INSERT per request on the same
 * database under the same load, and its latency at half that rate. They take short turns, so that other load on the machine
 * affects both alike; the ratio is the median over the rounds.
 */
export const accept: Scenario = {
  name: 'accept',
  summary: 'v2 POST accepted per second against a bare route, and its latency at half that load',
  run: measureAccept,
};

async function measureAccept(harness: Harness, { seconds }: Settings): Promise<Outcome> {
  const database = await harness.openDatabase();
  const product = await startServer(harness, { databaseUrl: database.url, roles: 'api' });
  const account = await openAccount(harness, database.client);
  const reference = await startReference(harness, database.url, account.key);

  const requests = new Requests(account, 0);
  const servers = {
    reference: { url: reference.url, requests, connections },
    product: { url: product.url, requests, connections },
  };
  const tallies: Record<keyof typeof servers, Tally[]> = { reference: [], product: [] };
  const turn = async (who: keyof typeof servers, length: number) => {
    const tally = await closedLoop(servers[who], during(length));
    tallies[who].push(tally);
    return tally;
  };

  for (const who of ['reference', 'product'] as const) await turn(who, warmUps * seconds);
  const rates: Record<keyof typeof servers, number>[] = [];
  for (let index = 0; index < rounds; index++) {
    const accepted = { reference: 0, product: 0 };
    const milliseconds = { reference: 0, product: 0 };
    for (let count = 0; count < turns; count++) {
      // The second finds the caches warmed by the first.
      const order =
        count % 2 === 0 ? (['reference', 'product'] as const) : (['product', 'reference'] as const);
      for (const who of order) {
        const tally = await turn(who, seconds / turns);
        accepted[who] += tally.accepted;
        milliseconds[who] += tally.milliseconds;
      }
    }
    const perSecond = (who: keyof typeof servers) => (accepted[who] * 1000) / milliseconds[who];
    const rate = { reference: perSecond('reference'), product: perSecond('product') };
    rates.push(rate);
    console.error(
      `  round ${index + 1}: reference ${rate.reference.toFixed(0)}/s, product ${rate.product.toFixed(0)}/s`,
    );
  }
  const perSecond = median(rates.map(({ product }) => product));
  const ratio = median(rates.map(({ product, reference }) => product / reference));

  const half = await atHalf(servers.product, perSecond / 2, seconds * 2);
  tallies.product.push(half);

  const faults = (['reference', 'product'] as const).flatMap((who) =>
    tallies[who].flatMap((tally) => describeRefusals(who, tally)),
  );
  faults.push(
    ...(await missingRows(database.client, 'reference', 'bench_reference', tallies.reference)),
    ...(await missingRows(database.client, 'product', 'accepted', tallies.product)),
    ...unexpectedEnds([product.child, reference.child]),
  );
  return {
    faults,
    figures: [
      {
        key: 'ratio',
        meaning: 'accepted, as a multiple of a bare route with one INSERT',
        value: ratio,
        unit: 'x',
        target: { atLeast: 1 },
      },
      { key: 'per_second', meaning: `accepted, ${connections} connections`, value: perSecond, unit: '/s' },
      {
        key: 'reference_per_second',
        meaning: 'the bare route, likewise',
        value: median(rates.map(({ reference }) => reference)),
        unit: '/s',
      },
      { key: 'p50_ms', meaning: 'latency at half that load, p50', value: half.p50, unit: 'ms' },
      {
        key: 'p99_ms',
        meaning: 'latency at half that load, p99',
        value: half.p99,
        unit: 'ms',
        target: { atMost: 50 },
      },
    ],
  };
}

async function atHalf(
  server: LoadOptions,
  perSecond: number,
  seconds: number,
): Promise<Tally & { p50: number; p99: number }> {
  const tally = await openLoop(server, { perSecond, seconds });
  return { ...tally, p50: quantile(tally.latencies, 0.5), p99: quantile(tally.latencies, 0.99) };
}

async function startReference(
  harness: Harness,
  databaseUrl: string,
  key: string,
): Promise<{ child: Child; url: string }> {
  const child = harness.startChild({
    name: 'reference',
    args: [fileURLToPath(new URL('./reference.ts', import.meta.url))],
    environment: { DATABASE_URL: databaseUrl, KEY: key },
  });
  return { child, url: (await child.logged(/^Reference: (\S+)$/m))[1]! };
}

function during(seconds: number): () => boolean {
  const end = performance.now() + seconds * 1000;
  return () => performance.now() < end;
}

/** Reports 201s that have no row. */
async function missingRows(
  client: pg.Client,
  who: string,
  from: string,
  tallies: readonly Tally[],
): Promise<string[]> {
  const { rows } = await client.query<{ stored: number }>(`select count(*)::int as stored from ${from}`);
  const accepted = tallies.reduce((sum, tally) => sum + tally.accepted, 0);
  const { stored } = rows[0]!;
  return stored >= accepted
    ? []
    : [`${who}: accepted ${accepted} messages, but only ${stored} are in the database`];
}
