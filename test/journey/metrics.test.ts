import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWorld } from '../support/world.ts';

test('/metrics shows event-loop lag and the use of the database pool, and no page of another site may read it', async (context) => {
  const world = await createWorld({ roles: ['api'] });
  context.after(() => world.stop());
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    const { status, headers } = await fetch(`${world.api}/metrics`, { method });
    const cors = [...headers.keys()].filter((name) => name.startsWith('access-control-'));
    assert.deepEqual([status, cors], [200, []], method);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
  }
  const other = await fetch(`${world.api}/_status`);
  assert.equal(other.headers.get('access-control-allow-origin'), '*');
  const text = await (await fetch(`${world.api}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  for (const name of ['nodejs_eventloop_lag_seconds', 'nodejs_eventloop_lag_p99_seconds'])
    assert.ok(value(name) >= 0, name);
  assert.equal(value('despatch_database_connections_max'), 8);
  assert.ok(value('despatch_database_connections_open') >= 1);
  assert.ok(value('despatch_database_connections_used') >= 0);
  assert.equal(value('despatch_database_waiting'), 0);
});
