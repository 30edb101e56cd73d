#!/usr/bin/env node
import type { Noun } from './cli/noun.ts';
import { nouns } from './cli/nouns.ts';
import { catchSignals } from './cli/signals.ts';
import { ConfigError } from './ground/problem.ts';

const help = `despatch: templated emails and text messages for many services

  despatch start [--roles api,worker,scheduler,sandbox] [--queues a,b]
      Runs the server, with every role and every queue by default.
  despatch migrate
      Migrates the database to the newest version and exits.
  despatch doctor [--repair] [--json]
  despatch doctor --tables [--json]
      Checks the installation, while it runs or not, and says what to do; --repair puts right what it can.
  despatch demo
      Sends a handful of messages through the running server (or one it starts) and shows what happens to them.
  despatch token [--key normal|team|test] [--admin]
      Prints a token for the first service of credentials.json, or for the admin API, for use with curl.
  despatch template render --file t.md --type sms|email [--subject s] [--data d.json] [--prefix name] [--html]
      Prints what would be sent, its length and its cost. An email's subject may be the file's first line: Subject: …
  despatch csv check file.csv --type sms|email --template t.md [--subject s] [--prefix name] [--international] [--json]
      Shows what is wrong with a file of recipients, what it would cost, and the first messages.
  despatch fixture [--json]
      Makes what the test suites of the official clients need, and prints the environment variables that they read.
`;

const helpEnd = `
Settings are environment variables; docs/operations.md lists them, and the queues. docs/command-line.md has examples.`;

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
      return await (await import('./cli/template.ts')).template(args);
    case 'csv':
      return await (await import('./cli/csv.ts')).csv(args);
    case 'fixture':
      return await (await import('./cli/fixture.ts')).fixture(args);
    case undefined:
    case 'help':
    case '--help':
      return await showHelp(args[0]);
    default:
      return await (await import('./cli/noun.ts')).runNoun(await nounNamed(command), args);
  }
}

async function nounNamed(name: string): Promise<Noun> {
  const load = Object.hasOwn(nouns, name) ? nouns[name] : undefined;
  if (!load) throw new ConfigError(`There is no command "${name}". \`despatch help\` lists them.`);
  return (await load()).noun;
}

/** All commands, or what the actions of one noun take. */
async function showHelp(name: string | undefined): Promise<void> {
  const { helpOf, lineOf } = await import('./cli/noun.ts');
  if (name !== undefined && Object.hasOwn(nouns, name)) return console.log(helpOf(await nounNamed(name)));
  const lines = await Promise.all(Object.keys(nouns).map(async (each) => lineOf(await nounNamed(each))));
  console.log(`${help}${lines.join('')}${helpEnd}`);
}

catchSignals();
main(process.argv.slice(2)).catch((error: unknown) => {
  // A ConfigError's message says what to do; any other error needs its stack trace.
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
