import type { Config } from '../config/config.ts';
import type { Log } from '../ground/log.ts';
import { ConfigError } from '../ground/problem.ts';
import { type Ran, runByHand } from '../upkeep/schedule.ts';
import { openAdminApi } from './api.ts';
import type { Core } from './core.ts';
import { openInstallation } from './installation.ts';
import { periodicTasks } from './periodic.ts';
import { stoppable } from './stoppable.ts';

/** An installation as one command uses it. */
export type LocalApi = Pick<Core, 'db' | 'cipher' | 'clock' | 'metrics' | 'callbacks' | 'queues'> &
  Readonly<{
    /**
     * Calls the admin API. `path` with its query. A Buffer is sent as it is, any other body as JSON. `body`: of the answer, parsed; null if it has none, its text if it is
     * not JSON.
     */
    call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
    /**
     * Runs a periodic task in this process; null while another process is running it. Throws a ConfigError if there is
     * no such task, and what the task throws.
     */
    runTask(name: string): Promise<Ran | null>;
    stop(): Promise<void>;
  }>;

/**
 * Opens an installation for a command on its own machine, whether or not a server runs: the admin API's own routes,
 * without a port, workers, scheduler or sandbox. Whoever may read the installation's secrets is the admin client, and
 * needs no token. Throws a ConfigError.
 */
export function openLocalApi(config: Config, log: Log): Promise<LocalApi> {
  return stoppable(log, async (onStop) => {
    const core = await openInstallation({ config, clock: undefined, log, onStop });
    const api = await openAdminApi(core);
    onStop(api.close);
    return {
      ...{ db: core.db, cipher: core.cipher, clock: core.clock },
      ...{ metrics: core.metrics, callbacks: core.callbacks, queues: core.queues },
      async call(method, path, body) {
        const answer = await api.inject(
          method,
          path,
          body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body),
        );
        return { status: answer.status, body: answer.text === '' ? null : parsed(answer.text) };
      },
      async runTask(name) {
        const tasks = periodicTasks(core);
        const task = tasks.find((one) => one.name === name);
        if (task) return await runByHand(core, task);
        const names = tasks.map((one) => one.name).toSorted();
        throw new ConfigError(`There is no periodic task "${name}". These exist: ${names.join(', ')}.`);
      },
    };
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
