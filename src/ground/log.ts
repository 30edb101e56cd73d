import { type Logger, type LoggerOptions, pino } from 'pino';

/** First argument: fields (an error goes under `err`); second: the sentence. Never the other way (spec 06, 5). */
export type Log = Logger;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * JSON lines on standard output. Only ids, types, statuses and counts are ever given to it: no recipient, content,
 * code, token or secret (spec 06, section 5).
 */
export function createLog(level: LogLevel, fields: Record<string, unknown> = {}): Log {
  // Lines are written in blocks, at the latest after a tenth of a second: a system call for each would cost more than
  // all the rest of a line. What is left is written when the process ends, unless it is killed.
  const destination = pino.destination({ sync: false, minLength: 8192, periodicFlush: 100 });
  const options: LoggerOptions = {
    level,
    base: { application: 'despatch', ...fields },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    messageKey: 'message',
    // An error of the database driver carries the failing row in `detail` and the statement's values in `where`.
    serializers: { err: describeError },
  };
  return pino(options, destination);
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    stack: error.stack,
    ...(cause instanceof Error && { cause: describeError(cause) }),
  };
}
