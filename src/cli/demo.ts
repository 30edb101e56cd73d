import { setTimeout as sleep } from 'node:timers/promises';
import { type Credentials, readCredentials } from '../bootstrap/credentials.ts';
import { readConfig } from '../config/config.ts';
import { stopwatch } from '../ground/clock.ts';
import { createLog } from '../ground/log.ts';
import { ConfigError } from '../ground/problem.ts';
import { type Platform, startPlatform } from '../process/compose.ts';
import { readOptions } from './arguments.ts';
import { callApi } from './client.ts';

const final = new Set(['delivered', 'temporary-failure', 'permanent-failure', 'technical-failure', 'sent']);

/** Recipients whose number or address decides the outcome (spec 05, section 6). */
const recipients = [
  { type: 'sms', to: '07811 111 111' },
  { type: 'sms', to: '07700 900 123' },
  { type: 'sms', to: '07822 222 222' },
  { type: 'sms', to: '07833 333 333' },
  { type: 'email', to: 'delivered@simulator.notify' },
  { type: 'email', to: 'perm-fail@simulator.notify' },
  { type: 'email', to: 'temp-fail@simulator.notify' },
] as const;

type Step = {
  event: string;
  at: string;
  provider?: string;
  outcome?: string;
  provider_status?: string;
  applied?: boolean;
  duration_ms?: number | null;
  reason?: string;
};

/**
 * `despatch demo`: sends a handful of messages through the server that runs with this data directory, or through one
 * that it starts, shows a line of progress and then each message's timeline. Throws a ConfigError if they would go to a
 * real provider: the recipients are made up, but somebody may have their numbers.
 */
export async function demo(args: readonly string[]): Promise<void> {
  readOptions(args, []);
  const { credentials, platform } = await reachServer();
  try {
    await refuseProviders(credentials.api);
    await sendAndWatch(credentials);
  } finally {
    await platform?.stop();
  }
}

async function reachServer(): Promise<{ credentials: Credentials; platform: Platform | null }> {
  const config = readConfig(process.env);
  const known = readCredentials(config.installation.dataDir);
  if (known && (await answers(known.api))) return { credentials: known, platform: null };
  console.log('No server is running with this data directory: starting one for the demo.');
  const platform = await startPlatform({ config, roles: null, queues: null, log: createLog('error') });
  return { credentials: platform.credentials, platform };
}

async function answers(api: string): Promise<boolean> {
  return await fetch(`${api}/_status?simple=1`, { signal: AbortSignal.timeout(2000) }).then(
    (response) => response.ok,
    () => false,
  );
}

async function refuseProviders(api: string): Promise<void> {
  const { sandbox = [] } = (await (await fetch(`${api}/_status`)).json()) as { sandbox?: string[] };
  if (!recipients.every(({ type }) => sandbox.includes(type)))
    throw new ConfigError(
      'The demo sends texts and emails to made-up recipients, and here not all of them would go to the sandbox. Run it where no provider is configured and SANDBOX=1 is set.',
    );
}

async function sendAndWatch({ api, services }: Credentials): Promise<void> {
  const service = services[0];
  const key = service?.keys.normal;
  if (!service || !key)
    throw new ConfigError('credentials.json has no service with a normal key to send with.');
  const elapsed = stopwatch();
  const sent: { id: string; to: string; type: string; status: string }[] = [];
  for (const { type, to } of recipients) {
    const { id } = await callApi<{ id: string }>(api, key, 'POST', `/v2/notifications/${type}`, {
      template_id: service.templates[type],
      [type === 'sms' ? 'phone_number' : 'email_address']: to,
      personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May' },
    });
    sent.push({ id, to, type, status: 'created' });
  }
  while (sent.some(({ status }) => !final.has(status)) && elapsed() < 30_000) {
    for (const message of sent)
      if (!final.has(message.status))
        message.status = (
          await callApi<{ status: string }>(api, key, 'GET', `/v2/notifications/${message.id}`)
        ).status;
    progress(sent, elapsed());
    await sleep(100);
  }
  if (process.stdout.isTTY) process.stdout.write('\n');
  for (const { id, to, type } of sent) {
    const { status, timeline } = await callApi<{ status: string; timeline: Step[] }>(
      api,
      key,
      'GET',
      `/v2/notifications/${id}/timeline`,
    );
    console.log(`\n${type.padEnd(5)} to ${to}: ${status}  (${id})`);
    for (const step of timeline) console.log(`  ${step.at.slice(11, 23)}  ${describe(step)}`);
  }
}

/** On a terminal, one line that is overwritten; elsewhere, a new line whenever something changed. */
let lastLine = '';
function progress(sent: readonly { status: string }[], milliseconds: number): void {
  const counts = new Map<string, number>();
  for (const { status } of sent) counts.set(status, (counts.get(status) ?? 0) + 1);
  const line = [...counts].map(([status, count]) => `${count} ${status}`).join(', ');
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${(milliseconds / 1000).toFixed(1)} s  ${line}`);
  else if (line !== lastLine) console.log(`${(milliseconds / 1000).toFixed(1)} s  ${line}`);
  lastLine = line;
}

function describe(step: Step): string {
  const { event, provider, outcome, provider_status, applied, duration_ms, reason } = step;
  if (event === 'attempt')
    return `handed to ${provider}: ${outcome}${duration_ms == null ? '' : ` in ${duration_ms} ms`}`;
  if (event === 'receipt')
    return `receipt from ${provider}: ${provider_status}${applied ? '' : ' (changed nothing)'}`;
  return reason === undefined ? event : `${event}: ${reason}`;
}
