/**
 * Runs the tests against one throw-away PostgreSQL for all files, or the server of TEST_DATABASE_URL (a superuser's
 * URL). Arguments are files, `--slow` for test/slow, or options of `node --test`; without files, everything but
 * test/slow is run.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { temporaryEmbedded } from '../embedded-postgres/embedded.ts';
import { createTemplate, dropDatabase } from '../test/support/database.ts';

const fast = [
  ...['src', 'sandbox', 'embedded-postgres', 'bench', 'scripts'].map((folder) => `${folder}/**/*.test.ts`),
  'test/!(slow)/**/*.test.ts',
  'test/*.test.ts',
];
const slow = ['test/slow/**/*.test.ts'];

const given = process.argv.slice(2).filter((argument) => argument !== '--slow');
const isSlow = process.argv.includes('--slow');
const hasFiles = given.some((argument) => !argument.startsWith('--'));
// Tests mostly wait for timers, processes and the database. The slow ones measure times, so they get the machine alone.
const concurrency = isSlow ? 1 : 2 * Math.max(2, availableParallelism());

const external = process.env['TEST_DATABASE_URL'];
const embedded = external ? null : await temporaryEmbedded();
const server = external ?? embedded!.url;
const template = await createTemplate(server);
const child = spawn(
  process.execPath,
  [
    ...['--test', `--test-concurrency=${concurrency}`, `--test-timeout=${isSlow ? 900_000 : 180_000}`],
    ...given,
    ...(hasFiles ? [] : isSlow ? slow : fast),
  ],
  {
    stdio: 'inherit',
    env: {
      // Without a cache every process would compile the TypeScript again, which doubles its load time.
      NODE_COMPILE_CACHE: join(import.meta.dirname, '../node_modules/.cache/node-compile'),
      ...process.env,
      TEST_DATABASE_URL: server,
      TEST_DATABASE_TEMPLATE: template,
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
const code = await new Promise<number>((resolve) => child.on('exit', (status) => resolve(status ?? 1)));
if (embedded) await embedded.stop();
else await dropDatabase(server, template);
process.exit(code);
