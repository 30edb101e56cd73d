#!/usr/bin/env node
import { csv } from './cli/csv.ts';
import { demo } from './cli/demo.ts';
import { migrateOnly } from './cli/migrate.ts';
import { start } from './cli/start.ts';
import { template } from './cli/template.ts';
import { token } from './cli/token.ts';
import { ConfigError } from './config.ts';
import { roles } from './platform.ts';
import { queueNames } from './queue/names.ts';

const help = `despatch: templated emails and text messages for many services

  despatch start [--roles ${roles.join(',')}] [--queues a,b]
      Runs the server: every role and every queue unless told otherwise.
  despatch migrate
      Brings the database to the newest version and ends.
  despatch demo
      Sends a handful of messages through the running server (or one it starts) and shows what became of them.
  despatch token [--key normal|team|test]
      Prints a token for the first service of credentials.json, for use with curl.
  despatch template render --file t.md --type sms|email [--subject s] [--data d.json] [--prefix name] [--html]
      Prints what would be sent, its length and its cost. An email's subject may be the file's first line: Subject: …
  despatch csv check file.csv --type sms|email --template t.md [--subject s] [--prefix name] [--international] [--json]
      Says what is wrong with a file of recipients.

Queues: ${queueNames.join(', ')}
Settings are environment variables; docs/operations.md lists them.`;

async function main([command, ...args]: readonly string[]): Promise<void> {
  switch (command) {
    case 'start':
      return await start(args);
    case 'migrate':
      return await migrateOnly(args);
    case 'demo':
      return await demo(args);
    case 'token':
      return token(args);
    case 'template':
      return template(args);
    case 'csv':
      return await csv(args);
    case undefined:
    case 'help':
    case '--help':
      return console.log(help);
    default:
      throw new ConfigError(`There is no command "${command}". \`despatch help\` lists them.`);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  // A setting that is wrong is told in a sentence; anything else with where it happened.
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
