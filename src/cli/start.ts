import { readConfig } from '../config/config.ts';
import { createLog } from '../ground/log.ts';
import { type Platform, roles, startPlatform } from '../process/compose.ts';
import { readNames, readOptions } from './arguments.ts';
import { onSignal } from './signals.ts';

/**
 * `despatch start [--roles …] [--queues …]`: runs the server until a signal ends it. The database and the queues are
 * loaded on demand: a process that only has the pages needs neither.
 */
export async function start(args: readonly string[]): Promise<void> {
  const options = readOptions(args, ['roles', 'queues']);
  const queues =
    options['queues'] === undefined
      ? null
      : readNames('queues', options['queues'], (await import('../queue/define.ts')).queueNames);
  const platform = await startPlatform({
    config: readConfig(process.env),
    roles: readNames('roles', options['roles'], roles),
    queues,
  });
  onSignal(() => platform.stop());
  console.log(welcome(platform));
}

/** `despatch migrate`: migrates the database and exits. */
export async function migrateOnly(args: readonly string[]): Promise<void> {
  readOptions(args, []);
  const { migrate } = await import('../database/migrate.ts');
  const { openDatabase } = await import('../process/database.ts');
  const config = readConfig(process.env);
  const { logLevel, environment, logJson: json } = config.installation;
  const log = createLog(logLevel, { environment }, { json });
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const { connection } = await openDatabase(config, log, (undo) => stops.push(undo));
    await migrate(connection.db, log);
    console.log('The database is up to date.');
  } finally {
    for (const undo of stops.reverse()) await undo();
  }
}

/**
 * The text printed at startup: addresses, and two ways to send a first message. These read the keys from
 * credentials.json when they are run, so that the process prints no key.
 */
function welcome({
  url,
  webUrl,
  firstLink,
  sandboxUrl,
  sandboxTypes,
  credentials,
  credentialsPath,
  roles,
}: Platform): string {
  const lines = ['', `Despatch is running: ${roles.join(', ')}.`];
  if (firstLink) lines.push(`  Pages   ${firstLink.url}   opens once, within ${firstLink.minutes} minutes`);
  else if (webUrl) lines.push(`  Pages   ${webUrl}`);
  if (url) lines.push(`  API     ${url}`);
  if (sandboxUrl)
    lines.push(
      `  Inbox   ${sandboxUrl}   the sandbox: what it takes lands here and never leaves this machine`,
    );
  if (sandboxTypes.length > 0) {
    const names = sandboxTypes.map((type) => (type === 'sms' ? 'text messages' : 'emails')).join(' and ');
    lines.push(`  Sandbox stands in for a provider of ${names}: nobody receives them`);
  }
  if (credentialsPath) lines.push(`  Keys    ${credentialsPath}`);
  const service = credentials.services[0];
  if (!url || !service?.keys.normal || !service.templates.sms) return lines.join('\n');
  return [
    ...lines,
    '',
    `Send a message as "${service.name}" with the official client (paste all of it):`,
    '',
    `cat > first-message.mjs <<'END'`,
    `import { readFileSync } from 'node:fs';`,
    `import { NotifyClient } from 'notifications-node-client';`,
    `const { api, services: [service] } = JSON.parse(readFileSync('${credentialsPath}', 'utf8'));`,
    `const client = new NotifyClient(api, service.keys.normal);`,
    `const { data } = await client.sendSms(service.templates.sms, '07700 900 123', {`,
    `  personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May' },`,
    `});`,
    `console.log(data.id, data.content.body);`,
    `END`,
    `node first-message.mjs`,
    '',
    'or with curl:',
    '',
    `curl -s ${url}/v2/notifications/sms -H "Authorization: Bearer $(npm run -s despatch -- token)" \\`,
    `  -d '{"template_id":"${service.templates.sms}","phone_number":"07700 900 123","personalisation":{"name":"Rowan","title":"Sea Charts","date":"4 May"}}'`,
    '',
    'or watch a few being delivered: npm run demo',
    '',
  ].join('\n');
}
