import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Db } from '../database/connection.ts';
import type { Log } from '../ground/log.ts';
import { beatProcess, deleteProcess, type ProcessFacts } from './store-processes.ts';

const beatMilliseconds = 10_000;

/**
 * Registers this process, and says every 10 seconds that it is alive. `clockSkew`: by how many milliseconds the clock
 * of its machine is ahead of the database's. `stop` removes the process from the register.
 */
export async function startHeartbeat(
  { db, log, clockSkew }: Readonly<{ db: Db; log: Log; clockSkew: () => number }>,
  facts: ProcessFacts,
): Promise<{ stop(): Promise<void> }> {
  const self = { id: randomUUID(), host: hostname(), pid: process.pid, ...facts };
  const beat = () => beatProcess(db, { ...self, clockSkewSeconds: clockSkew() / 1000 });
  await beat();
  let last: Promise<void> | null = null;
  const timer = setInterval(() => {
    last ??= beat()
      .catch((error: unknown) => log.debug({ err: error }, 'A heartbeat of the process could not be written'))
      .finally(() => {
        last = null;
      });
  }, beatMilliseconds);
  return {
    async stop() {
      clearInterval(timer);
      await last;
      await deleteProcess(db, self.id);
    },
  };
}
