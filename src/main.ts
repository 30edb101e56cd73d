#!/usr/bin/env node
import { catchSignals } from './cli/signals.ts';
import { ConfigError } from './ground/problem.ts';

const help = `despatch: templated emails and text messages for many services

  despatch start [--roles api,worker,scheduler,sandbox] [--queues a,b]
      Runs the server, with every role and every queue by default.
  despatch migrate
      Migrates the database to the newest version and exits.
  despatch doctor [--repair] [--json]
      Checks the installation, while it runs or not, and says what to do; --repair puts right what it can.
  despatch demo
      Sends a handful of messages through the running server (or one it starts) and shows what happens to them.
  despatch token [--key normal|team|test] [--admin]
      Prints a token for the first service of credentials.json, or for the admin API, for use with curl.
  despatch template render --file t.md --type sms|email [--subject s] [--data d.json] [--prefix name] [--html]
      Prints what would be sent, its length and its cost. An email's subject may be the file's first line: Subject: …
  despatch csv check file.csv --type sms|email --template t.md [--subject s] [--prefix name] [--international] [--json]
      Shows what is wrong with a file of recipients, what it would cost, and the first messages.

Settings are environment variables; docs/operations.md lists them, and the queues.`;

/** Commands are loaded on demand: rendering a template needs no database driver. */
async function main([command, ...args]: readonly string[]): Promise<void> {
  switch (command) {
    case 'start':
      return await (await import('./cli/start.ts')).start(args);
    case 'migrate':
      return await (await import('./cli/start.ts')).migrateOnly(args);
    case 'doctor':
      return await (await import('./cli/doctor.ts')).doctor(args);
    case 'demo':
      return await (await import('./cli/demo.ts')).demo(args);
    case 'token':
      return (await import('./cli/token.ts')).token(args);
    case 'template':
      return (await import('./cli/template.ts')).template(args);
    case 'csv':
      return await (await import('./cli/csv.ts')).csv(args);
    case undefined:
    case 'help':
    case '--help':
      return console.log(help);
    default:
      throw new ConfigError(`There is no command "${command}". \`despatch help\` lists them.`);
  }
}

catchSignals();
main(process.argv.slice(2)).catch((error: unknown) => {
  // A ConfigError's message says what to do; any other error needs its stack trace.
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
