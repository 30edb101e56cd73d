import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../src/ground/clock.ts';
import { ConfigError } from '../src/ground/config-error.ts';
import type { Log } from '../src/ground/log.ts';
import { Behaviour, type BehaviourChange } from './behaviour.ts';
import { Counts } from './counts.ts';
import { Delays } from './delays.ts';
import { answerError, openExchange } from './exchange.ts';
import { Inbox } from './inbox.ts';
import type { Random } from './random.ts';
import { isLoopback, ReceiptTargets } from './receipt-target.ts';
import { Receipts } from './receipts.ts';
import { handle } from './routes.ts';

export type SandboxOptions = {
  /** Address to listen on; 127.0.0.1 unless said otherwise. */
  host?: string;
  /** 0 takes a free one. */
  port: number;
  log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Unix time in milliseconds. */
  now?: () => number;
  random?: Random;
  /** The most messages the inbox keeps; 10,000 unless said otherwise. */
  maxMessages?: number;
  /** The most memory they take, in bytes; 64 MB unless said otherwise. */
  maxBytes?: number;
  /** The most different references that are counted; 5,000,000 unless said otherwise (about 170 MB when full). */
  maxReferences?: number;
  /** Lets receipts go to other machines too. */
  allowAnyReceiptHost?: boolean;
  /** Behaviour at the start, and after a reset, where it differs from the ordinary. */
  behaviour?: BehaviourChange;
  /** Milliseconds before each further try of a receipt; as many tries more as there are entries. */
  receiptRetryDelays?: readonly number[];
};

export type Sandbox = {
  /** Where it can be reached from this machine, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Ends within 2 seconds, and only once however often it is called: pending receipts go out at once, and what then has not gone is dropped. */
  stop(): Promise<void>;
};

/** About 35 seconds in all, so that a receipt survives a restart of its receiver. */
const retryDelays = [100, 300, 1_000, 3_000, 10_000, 10_000, 10_000];
/** Long, as a connection closed by us while a client writes to it would look like an unknown result. */
const keepAlive = 120_000;

/**
 * Starts the local provider: takes text messages and emails over HTTP, keeps the newest in an inbox in memory and
 * posts receipts. No content and no recipient is ever logged.
 *
 * @throws if the port is taken or may not be used, or the behaviour is not valid
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { host = '127.0.0.1', log, now = systemClock.now, random = Math.random } = options;
  const { maxMessages = 10_000, maxBytes = 64_000_000, maxReferences = 5_000_000 } = options;
  const behaviour = new Behaviour(options.behaviour ?? {}, random);
  const receipts = new Receipts({
    behaviour,
    log,
    now,
    retryDelays: options.receiptRetryDelays ?? retryDelays,
  });
  const delays = new Delays(1);
  const deps = {
    behaviour,
    counts: new Counts(maxReferences),
    delays,
    inbox: new Inbox({ maxMessages, maxBytes }),
    now,
    receipts,
    targets: new ReceiptTargets(options.allowAnyReceiptHost ?? false),
  };
  const local = isLoopback(host === '::1' ? '[::1]' : host);
  const server = createServer({ keepAliveTimeout: keepAlive }, (request, response) => {
    const exchange = openExchange(request, response, (err) =>
      log.error({ err }, 'Sandbox: a request failed'),
    );
    if (local && !isOwnName(request.headers.host, host)) {
      const text = 'The sandbox is only for this machine: use localhost or its address';
      answerError(exchange, 403, 'wrong-host', text);
      return;
    }
    try {
      handle(deps, exchange);
    } catch (err) {
      exchange.fail(err);
    }
  });
  const port = await listen(server, host, options.port);
  const shown = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const url = `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`;
  log.info({ url }, 'Sandbox started');
  let stopped: Promise<void> | null = null;
  return {
    url,
    port,
    stop: () => {
      stopped ??= stop(server, delays, receipts, log);
      return stopped;
    },
  };
}

/**
 * A page of a foreign site can let its own name point to this machine and then read the inbox; so, as long as the
 * sandbox listens to this machine only, it answers to no foreign name.
 */
function isOwnName(header: string | undefined, host: string): boolean {
  const name = (header ?? '').replace(/:\d*$/, '').toLowerCase();
  return name === host.toLowerCase() || name.endsWith('.localhost') || isLoopback(name);
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (cause) {
    throw new ConfigError(reasonOf(cause, host, port), { cause });
  } finally {
    server.off('error', reject);
  }
  return (server.address() as AddressInfo).port;
}

function reasonOf(cause: unknown, host: string, port: number): string {
  const code = (cause as { code?: unknown }).code;
  const what = `The sandbox cannot listen on ${host}, port ${port}`;
  if (code === 'EADDRINUSE') return `${what}: another program uses it. Stop that one, or set SANDBOX_PORT.`;
  if (code === 'EACCES') return `${what}: that port needs more rights. Set SANDBOX_PORT to one from 1024 up.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${what}: this machine has no such address. Set SANDBOX_HOST.`;
  return `${what}: ${cause instanceof Error ? cause.message : String(cause)}`;
}

async function stop(
  server: Server,
  delays: Delays,
  receipts: Receipts,
  log: SandboxOptions['log'],
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  delays.hasten();
  await receipts.stop();
  server.closeAllConnections();
  await promise;
  const { pending } = receipts.present();
  log.info({ dropped: pending }, 'Sandbox stopped');
}
