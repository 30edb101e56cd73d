/** Databases of the tests, on the server that scripts/test.ts names in TEST_DATABASE_URL. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { connect, createListener } from '../../src/database/connection.ts';
import { migrate } from '../../src/database/migrate.ts';
import { ensurePartitions } from '../../src/database/partitions.ts';
import { createLog } from '../../src/ground/log.ts';
import { openQueues } from '../../src/queue/queues.ts';

const day = 86_400_000;

function serverUrl(): string {
  const url = process.env['TEST_DATABASE_URL'];
  if (!url) throw new Error('TEST_DATABASE_URL is not set: run the tests with `npm test -- <files>`.');
  return url;
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

/**
 * Creates a database with every table and queue but no rows, and returns its name. Copying it (TEST_DATABASE_TEMPLATE)
 * takes a fraction of the time that the migrations take.
 */
export async function createTemplate(server: string): Promise<string> {
  const name = `test_template_${randomBytes(6).toString('hex')}`;
  await onServer(server, `create database ${name}`);
  const url = urlOf(server, name);
  const log = createLog('warn');
  const connection = connect(url, 2, log);
  await migrate(connection.db, log);
  await ensurePartitions(connection.db, Date.now() - day, Date.now() + 7 * day);
  const listener = createListener(url, log);
  const queues = await openQueues(connection, listener, { prefix: '', log });
  await queues.stop();
  await listener.stop();
  await connection.close();
  return name;
}

/** Drops a database of this server, along with its connections. */
export function dropDatabase(server: string, name: string): Promise<void> {
  return onServer(server, `drop database if exists ${name} with (force)`);
}

/** A new database without rows. It has all tables if TEST_DATABASE_TEMPLATE is set; otherwise it is empty. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const server = serverUrl();
  const name = `test_${randomBytes(6).toString('hex')}`;
  const template = process.env['TEST_DATABASE_TEMPLATE'];
  // Copying files is twice as fast as the default, which writes the template to the log block by block.
  await onServer(
    server,
    `create database ${name}${template ? ` template ${template} strategy file_copy` : ''}`,
  );
  return { url: urlOf(server, name), drop: () => dropDatabase(server, name) };
}
