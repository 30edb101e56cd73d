import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { processorSeconds } from './child-process.ts';
import type { Harness } from './harness.ts';
import { closedLoop, type LoadOptions } from './load.ts';
import type { Figure } from './scenario.ts';

const exchanges = 20_000;
const commits = 3000;
const batches = 300;
const batchSize = 70;

/**
 * What is left of a message's cost if nothing of it were ours: the processor time of a bare HTTP server for an exchange,
 * of the HTTP client for a call, and of PostgreSQL for a commit of one row and for a row of a batch, with two indexes as
 * most of ours have. `load`: how messages are sent.
 */
export async function measureFloor(
  harness: Harness,
  client: pg.Client,
  load: LoadOptions,
): Promise<readonly Figure[]> {
  const bare = fileURLToPath(new URL('bare.ts', import.meta.url));
  const server = harness.startChild({ name: 'bare', args: [bare], environment: {} });
  const url = (await server.logged(/^Bare: (\S+)/m))[1]!;
  const serve = async () => {
    let left = exchanges;
    const before = server.processorSeconds ?? Number.NaN;
    await closedLoop({ ...load, url }, () => left-- > 0);
    return ((server.processorSeconds ?? Number.NaN) - before) / exchanges;
  };
  // What runs often is compiled by then.
  await serve();
  const exchange = await serve();
  const environment = { CALL: url, CALLS: String(exchanges) };
  const caller = harness.startChild({ name: 'caller', args: [bare], environment });
  const call = Number((await caller.logged(/^Call: (\S+) µs/m))[1]) / 1e6;
  await server.stop();
  const figure = (key: string, meaning: string, seconds: number) =>
    ({ key, meaning, value: seconds * 1000, unit: 'ms' }) as const;
  return [
    figure('floor_exchange', 'by itself: an exchange of a bare HTTP server', exchange),
    figure('floor_call', 'by itself: a call of the HTTP client', call),
    ...(await floorOfDatabase(client)).map(([key, meaning, seconds]) => figure(key, meaning, seconds)),
  ];
}

async function floorOfDatabase(client: pg.Client): Promise<(readonly [string, string, number])[]> {
  await client.query(
    'create table bench_rows (id uuid primary key, at uuid not null, text text not null); create index on bench_rows (at)',
  );
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const spent = () => processorSeconds(rows[0]!.pid) ?? Number.NaN;
  const each = async (times: number, name: string, text: string, values: unknown[]) => {
    const before = spent();
    for (let i = 0; i < times; i++) await client.query({ name, text, values });
    return (spent() - before) / times;
  };
  const insert = `insert into bench_rows select uuidv7(), uuidv7(), repeat('x', 100)`;
  return [
    ['floor_commit', 'by itself: a commit of PostgreSQL, of one row', await each(commits, 'one', insert, [])],
    [
      'floor_row',
      'by itself: a row of a batch of PostgreSQL, with two indexes',
      (await each(batches, 'many', `${insert} from generate_series(1, $1::int)`, [batchSize])) / batchSize,
    ],
  ];
}
