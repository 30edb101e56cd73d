import { errorClass } from '../database/connection.ts';
import { ConfigError } from '../ground/problem.ts';
import { ask, type Item } from './ask.ts';
import type { Noun } from './noun.ts';

/** Periodic tasks (spec 04, section 8.5; spec 06, section 1.3). */
export const noun: Noun = {
  name: 'task',
  summary: 'what the role scheduler does at fixed times',
  columns: [
    'name',
    'last_succeeded_at',
    'last_seconds',
    'last_count',
    'last_failed_at',
    'last_failure',
    'next_due_at',
  ],
  actions: {
    list: {
      usage: '',
      summary: 'Lists the periodic tasks, when each last ran, how that ended, and when it is due.',
      run: async (call) => ({
        data: (await ask<{ tasks: readonly Item[] }>(call, 'GET', '/platform/tasks')).tasks,
      }),
    },
    run: {
      usage: '<task>',
      summary:
        'Runs a periodic task in this process and waits for its end. Exit code 1 if it fails, or is being run.',
      async run(_call, { plain: [name = ''] }, { runTask }) {
        const ran = await runTask(name).catch((error: unknown) => {
          if (error instanceof ConfigError) throw error;
          throw new ConfigError(`The task ${name} failed (${errorClass(error)}): the log above says why.`);
        });
        if (ran === null)
          throw new ConfigError(`Another process is running the task ${name}: wait until that has ended.`);
        const { count, seconds } = ran;
        return { data: { name, count, seconds }, text: `Ran ${name}: ${count} done in ${seconds} s.` };
      },
    },
  },
};
