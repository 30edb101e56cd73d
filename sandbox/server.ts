/**
 * The sandbox: a simulated provider. It accepts text messages and emails over HTTP, shows them in an inbox instead of
 * sending them, and posts receipts; it can be set to fail in all the ways that real providers do. From `src/` it
 * imports only the ground.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../src/ground/clock.ts';
import type { Log } from '../src/ground/log.ts';
import { ConfigError } from '../src/ground/problem.ts';
import { Behaviour, type BehaviourChange, type Random } from './behaviour.ts';
import { Counts } from './counts.ts';
import { answerError, openExchange } from './http.ts';
import { Inbox } from './inbox.ts';
import { Delays, Receipts } from './receipts.ts';
import { handle } from './routes.ts';
import { isLoopback, ReceiptTargets } from './submission.ts';

export type SandboxOptions = {
  /** Address to listen on; default 127.0.0.1. */
  host?: string;
  /** 0 picks a free one. */
  port: number;
  log: Pick<Log, 'info' | 'warn' | 'error'>;
  /** Unix time in milliseconds. */
  now?: () => number;
  random?: Random;
  /** The most messages that the inbox keeps; default 10,000. */
  maxMessages?: number;
  /** The most memory that they take, in bytes; default 64 MB. */
  maxBytes?: number;
  /** The most distinct references that are counted; default 5,000,000 (about 170 MB when full). */
  maxReferences?: number;
  /** Allows receipts to other machines. */
  allowAnyReceiptHost?: boolean;
  /** Behaviour at the start and after a reset, where it differs from the defaults. */
  behaviour?: BehaviourChange;
  /** Milliseconds before each retry of a receipt; there are as many retries as entries. */
  receiptRetryDelays?: readonly number[];
};

export type Sandbox = {
  /** Its address on this machine, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Takes at most 2 seconds; may be called twice. Posts pending receipts at once and drops those that fail. */
  stop(): Promise<void>;
};

/** About 35 seconds in total, so that a receipt survives a restart of its receiver. */
const retryDelays = [100, 300, 1_000, 3_000, 10_000, 10_000, 10_000];
/** Long: closing a connection while a client writes to it would leave the outcome of its request unknown. */
const keepAliveTimeout = 120_000;

/**
 * Starts the sandbox. Content and recipients are never logged.
 *
 * @throws if the port is taken or not permitted, or the behaviour is not valid
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
  const server = createServer({ keepAliveTimeout }, (request, response) => {
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
 * Another site can point its own name at this machine and then read the inbox from its page (DNS rebinding). So while
 * the sandbox listens on this machine only, it refuses requests under any other name.
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
