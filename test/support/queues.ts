import { createListener } from '../../src/database/connection.ts';
import { createLog } from '../../src/ground/log.ts';
import { openQueues, type Queues } from '../../src/queue/queues.ts';
import type { World } from './world.ts';

/** Queues of the test's own on the database of a world, beside those of the platform. Stop them before the world. */
export async function openTestQueues(
  world: Pick<World, 'connection' | 'databaseUrl'>,
): Promise<{ queues: Queues; stop(): Promise<void> }> {
  const log = createLog('silent');
  const listener = createListener(world.databaseUrl, log);
  const queues = await openQueues(world.connection, listener, { prefix: '', log });
  return {
    queues,
    async stop() {
      await queues.stop();
      await listener.stop();
    },
  };
}
