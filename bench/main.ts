/**
 * `npm run bench -- [scenario…] [--json]`: measures speed on this machine, with a new database, real processes and real
 * HTTP. Exit code 1 if a run went wrong (not if a target was missed), 2 if the command line is wrong.
 */

import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { accept } from './accept.ts';
import { cost } from './cost.ts';
import { fairness } from './fairness.ts';
import { flow } from './flow.ts';
import { runCommand, withHarness } from './harness.ts';
import { history } from './history.ts';
import { job } from './job.ts';
import { noisy } from './noisy.ts';
import { pages } from './pages.ts';
import { render } from './render.ts';
import { document, type Outcome, type Scenario, type Settings, table } from './scenario.ts';

const scenarios: readonly Scenario[] = [accept, flow, cost, fairness, noisy, render, job, history, pages];

const help = `npm run bench -- [scenario…] [options]

Scenarios (default: all):
${scenarios.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join('\n')}

Options:
  --seconds N     length of one measured round (5); a phase of noisy takes twice as long, and pages asks four times as often
  --messages N    messages sent by scenarios that send a fixed number (flow 20000, cost 12000, fairness and job 100000), or rows of the file of pages (100000)
  --emails N      percentage of them that are emails (20)
  --rows N        messages in the tables before noisy reads them (300000), or of history and pages (10000000)
  --against DIR   another checkout, installed, that cost compares this one with
  --json          the last line of output is the figures as one JSON object
  --profile DIR   product processes write CPU profiles there`;

type Plan = Readonly<{
  chosen: readonly Scenario[];
  settings: Settings;
  json: boolean;
  profileDir: string | null;
}>;

/** @throws with a sentence for whoever typed the command */
function readPlan(args: readonly string[]): Plan | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '5' },
      messages: { type: 'string' },
      emails: { type: 'string', default: '20' },
      rows: { type: 'string' },
      against: { type: 'string' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const known = new Map(scenarios.map((scenario) => [scenario.name, scenario]));
  const unknown = positionals.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new Error(
      `There is no scenario "${unknown.join('", "')}". The scenarios are ${[...known.keys()].join(', ')}.`,
    );
  const chosen =
    positionals.length === 0 ? scenarios : [...new Set(positionals)].map((name) => known.get(name)!);
  return {
    chosen,
    settings: {
      seconds: number('seconds', values.seconds, 0.1, 3600),
      messages: whole('messages', values.messages),
      emails: number('emails', values.emails, 0, 100) / 100,
      rows: whole('rows', values.rows, 100_000_000),
      against: values.against === undefined ? null : resolve(values.against),
    },
    json: values.json,
    profileDir: values.profile === undefined ? null : resolve(values.profile),
  };
}

function whole(option: string, text: string | undefined, most = 1_000_000): number | null {
  return text === undefined ? null : Math.round(number(option, text, 1, most));
}

function number(option: string, text: string, least: number, most: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= least && value <= most))
    throw new Error(`--${option} takes a number from ${least} to ${most}, not "${text}".`);
  return value;
}

async function run({ chosen, settings, json, profileDir }: Plan): Promise<number> {
  if (profileDir !== null) mkdirSync(profileDir, { recursive: true });
  const outcomes = new Map<string, Outcome>();
  for (const scenario of chosen) {
    console.error(`${scenario.name}: ${scenario.summary}`);
    outcomes.set(scenario.name, await runOn(profileDir, scenario, settings));
  }
  console.log(`\n${table(outcomes)}`);
  const faults = [...outcomes].flatMap(([name, outcome]) =>
    outcome.faults.map((fault) => `${name}: ${fault}`),
  );
  for (const fault of faults) console.error(`\n${fault}`);
  if (json) console.log(document(outcomes));
  return faults.length === 0 ? 0 : 1;
}

async function runOn(profileDir: string | null, scenario: Scenario, settings: Settings): Promise<Outcome> {
  return withHarness({ profileDir }, (harness) => scenario.run(harness, settings)).catch(
    (error: unknown) => ({
      figures: [],
      faults: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
    }),
  );
}

await runCommand(help, readPlan, run);
