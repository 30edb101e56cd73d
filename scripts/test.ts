/**
 * Runs the tests against one throw-away PostgreSQL for all files, or the server of TEST_DATABASE_URL (a superuser's
 * URL). Arguments are files, `--slow` for test/slow, or options of `node --test`; without files, everything but
 * test/slow is run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { temporaryEmbedded } from '../embedded-postgres/embedded.ts';
import { createTemplate, dropDatabase } from '../test/support/database.ts';

const fast = [
  ...['src', 'sandbox', 'embedded-postgres', 'bench', 'scripts'].map((folder) => `${folder}/**/*.test.ts`),
  'test/!(slow)/**/*.test.ts',
  'test/*.test.ts',
];
// Those in `alone` measure times, so they get the machine to themselves.
const alone = ['test/slow/alone/*.test.ts'];
const slow = ['test/slow/*.test.ts'];

const given = process.argv.slice(2).filter((argument) => argument !== '--slow');
const isSlow = process.argv.includes('--slow');
const hasFiles = given.some((argument) => !argument.startsWith('--'));
const cores = Math.max(2, availableParallelism());
// Tests mostly wait for timers, processes and the database.
const most = 2 * cores;
type Run = Readonly<{ files: readonly string[]; atOnce: number }>;
const runs: readonly Run[] = hasFiles
  ? [{ files: [], atOnce: isSlow ? 1 : most }]
  : isSlow
    ? [
        { files: slow, atOnce: cores },
        { files: alone, atOnce: 1 },
      ]
    : [{ files: fast, atOnce: most }];

const external = process.env['TEST_DATABASE_URL'];
const embedded = external ? null : await temporaryEmbedded();
const server = external ?? embedded!.url;
const template = await createTemplate(server);

let running: ChildProcess | null = null;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => running?.kill(signal));

/** Returns the exit code. */
function run({ files, atOnce }: Run): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      ...['--test', `--test-concurrency=${atOnce}`, `--test-timeout=${isSlow ? 900_000 : 180_000}`],
      ...given,
      ...files,
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
  running = child;
  return new Promise((resolve) => child.on('exit', (status) => resolve(status ?? 1)));
}

let code = 0;
for (const each of runs) code = (await run(each)) || code;
if (embedded) await embedded.stop();
else await dropDatabase(server, template);
process.exit(code);
