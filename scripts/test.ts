/**
 * Runs the tests against one throw-away PostgreSQL: a server of your own by TEST_DATABASE_URL (a superuser's URL),
 * else the embedded one, started once for all files. Arguments are files; none means all.
 */
import { spawn } from 'node:child_process';
import { temporaryEmbedded } from '../embedded-postgres/embedded.ts';

const everywhere = ['src', 'sandbox', 'embedded-postgres', 'test', 'scripts'];
const tests = everywhere.map((folder) => `${folder}/**/*.test.ts`);
const files = process.argv.slice(2);
const given = process.env['TEST_DATABASE_URL'];
const embedded = given ? null : await temporaryEmbedded();
const child = spawn(
  process.execPath,
  ['--test', '--test-timeout=180000', ...(files.length > 0 ? files : [...tests])],
  { stdio: 'inherit', env: { ...process.env, TEST_DATABASE_URL: given ?? embedded?.url } },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
const code = await new Promise<number>((resolve) => child.on('exit', (status) => resolve(status ?? 1)));
await embedded?.stop();
process.exit(code);
