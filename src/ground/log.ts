import { isatty } from 'node:tty';
import { type Logger, type LoggerOptions, pino } from 'pino';
import { isoTime } from './clock.ts';

/** First argument: fields (an error as `err`); second: the message (spec 06, section 5). */
export type Log = Logger;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export type LogTo = Readonly<{
  /** 1 is standard output, 2 standard error; or whatever takes lines. */
  to?: 1 | 2 | Readonly<{ write(line: string): void }>;
  /** JSON lines, or lines for people; null: JSON unless they go to a terminal. */
  json?: boolean | null;
}>;

/**
 * Lines on standard output, or on standard error for a command whose output is its answer. Log only ids, types, statuses
 * and counts: never a recipient, content, code, token or secret (spec 06, section 5).
 */
export function createLog(
  level: LogLevel,
  fields: Record<string, unknown> = {},
  { to = 1, json = null }: LogTo = {},
): Log {
  const options: LoggerOptions = {
    level,
    base: { application: 'despatch', ...fields },
    timestamp: () => `,"time":"${isoTime(Date.now())}"`,
    formatters: { level: (label) => ({ level: label }) },
    messageKey: 'message',
    serializers: { err: describeError },
  };
  const lines = typeof to === 'object' ? to : inBlocks(to);
  const isJson = json ?? (typeof to === 'object' || !isatty(to));
  return pino(options, isJson ? lines : { write: (line: string) => lines.write(readable(line)) });
}

const blockLength = 65_536;
const longestMilliseconds = 100;

/**
 * Lines are written in blocks, after a tenth of a second at the latest: a system call per line would cost more than
 * everything else about it. The last block is written when the process exits, unless it is killed. Lines gather in a text:
 * given to the stream one by one, each would cost as much as making it.
 */
function inBlocks(to: 1 | 2): Readonly<{ write(line: string): void }> {
  const stream = pino.destination({
    ...{ dest: to, sync: false, minLength: blockLength, maxWrite: 2 * blockLength },
  });
  let block = '';
  let isWaiting = false;
  const give = () => {
    unwritten.delete(give);
    if (block !== '') stream.write(block);
    block = '';
  };
  // A timer of its own would write ten times a second, also nothing.
  const flush = () => {
    isWaiting = false;
    give();
    stream.flush();
  };
  giveAtExit();
  return {
    write(line) {
      if (block === '') unwritten.add(give);
      block += line;
      if (block.length >= blockLength) give();
      if (isWaiting) return;
      isWaiting = true;
      setTimeout(flush, longestMilliseconds).unref();
    },
  };
}

/** What gives their stream the lines that it does not have yet. */
const unwritten = new Set<() => void>();
let isWatching = false;

/** Before the streams write their last, when the process ends. */
function giveAtExit(): void {
  if (isWatching) return;
  isWatching = true;
  const giveAll = () => {
    for (const give of unwritten) give();
  };
  process.prependListener('beforeExit', giveAll);
  process.prependListener('exit', giveAll);
}

/** The id of a request in what its tasks carry: after it, while traces are on, comes their context (traces.ts). */
export function requestIdOf(carried: string): string;
export function requestIdOf(carried: string | null | undefined): string | undefined;
export function requestIdOf(carried: string | null | undefined): string | undefined {
  if (carried === null || carried === undefined) return undefined;
  const end = carried.indexOf(' ');
  return end === -1 ? carried : carried.slice(0, end);
}

/** A word of somebody else, such as a provider's own status, for the message of a line: short, and nobody's address. */
export function plainWord(given: string): string {
  if (usualWord.test(given)) return given;
  return withoutAddresses(given.slice(0, 100)).replace(notPrintable, '…');
}

/** Words of letters, and ids: nearly all that come, and nothing in them needs to be hidden. */
const usualWord = /^(?:[a-z_-]{1,100}|[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/i;

/** Also the controls of Latin 1, with which a terminal can be steered. */
const notPrintable = /[\p{Cc}\p{Zl}\p{Zp}]+/gu;

/** A JSON line as one for people: time, level and message, then the fields, and below them an error. */
function readable(line: string): string {
  const { time, level, message, application: _, environment: __, err, ...fields } = JSON.parse(line);
  const shown = (value: unknown) =>
    (typeof value === 'string' ? value : JSON.stringify(value)).replace(notPrintable, '…');
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${shown(value)}`);
  const first = [time, String(level).toUpperCase().padEnd(5), shown(message ?? ''), ...rest].join(' ');
  return `${first}\n${err === undefined ? '' : readableError(err, '  ')}`;
}

type DescribedError = Readonly<{
  type?: string;
  message: string;
  code?: string;
  stack?: string;
  cause?: DescribedError;
}>;

function readableError({ type, message, code, stack, cause }: DescribedError, indent: string): string {
  const said = `${type ?? 'Error'}${code === undefined ? '' : ` (${code})`}: ${message}`;
  const lines = [said.replace(notPrintable, '…'), ...(stack ? stack.split('\n') : [])];
  const own = lines.map((each) => `${indent}${each}\n`).join('');
  return cause ? `${own}${readableError(cause, `${indent}  `)}` : own;
}

/**
 * What may be said of an error. Errors of libraries quote what they were about: the database driver's have the row in
 * `detail`, the values of the statement in `where` and in the message, a parser's have the text that it could not read, a
 * mail server's answer names the recipient. So of all their properties only the code and the names of a table and its
 * parts are kept, and what a message quotes is left out; so is the message in `stack`.
 */
function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { message: withoutValues(String(error)) };
  const { code, cause, ...others } = error as unknown as Record<string, unknown>;
  const names = ['constraint', 'table', 'column', 'routine'].flatMap((name) =>
    typeof others[name] === 'string' ? [[name, others[name]]] : [],
  );
  return {
    type: error.name,
    message: messageOf(error, code),
    ...(typeof code === 'string' && { code }),
    ...Object.fromEntries(names),
    stack: framesOf(error.stack),
    ...(cause instanceof Error && { cause: describeError(cause) }),
  };
}

/** Errors of PostgreSQL about a statement, not about its values: what they quote is names (appendix A of its manual). */
const aboutStatement = /^(?:0A|23|25|26|34|3B|3D|3F|40|42|53|55|57|58|XX)[0-9A-Z]{3}$/;

function messageOf(error: Error, code: unknown): string {
  if (error instanceof SyntaxError) return 'The text could not be read';
  if (typeof code === 'string' && aboutStatement.test(code)) return withoutAddresses(error.message);
  return withoutValues(error.message);
}

const longestMessage = 500;
const quoted = /"[^"]*(?:"|$)|“[^”]*(?:”|$)|`[^`]*(?:`|$)|(?<!\p{L})'[^']*(?:'|$)/gu;

function withoutValues(message: string): string {
  return withoutAddresses(message.slice(0, longestMessage).replace(quoted, '"…"'));
}

/** Email addresses and phone numbers; the digits of ids and times are in other company. */
function withoutAddresses(text: string): string {
  return text
    .replace(/(?<![^\s<>"])[^\s<>"]+@[^\s<>"]+/g, '…@…')
    .replace(/(?<![\w.:-])\+?\d[\d ()]{6,}\d(?![\w:-])/g, '…');
}

function framesOf(stack: string | undefined): string | undefined {
  const frames = stack?.split('\n').filter((line) => /^\s+at /.test(line));
  return frames?.join('\n');
}
