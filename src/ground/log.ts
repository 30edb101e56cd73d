import { type Logger, type LoggerOptions, pino } from 'pino';

/** First argument: fields (an error as `err`); second: the message (spec 06, section 5). */
export type Log = Logger;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * JSON lines on standard output, or on standard error for a command whose output is its answer. Log only ids, types, statuses and counts: never a recipient, content, code, token or
 * secret (spec 06, section 5).
 */
export function createLog(
  level: LogLevel,
  fields: Record<string, unknown> = {},
  to: 'standard output' | 'standard error' = 'standard output',
): Log {
  // Lines are written in blocks, after a tenth of a second at the latest: a system call per line would cost more than
  // everything else about it. The last block is written when the process exits, unless it is killed.
  const destination = pino.destination({
    dest: to === 'standard error' ? 2 : 1,
    sync: false,
    minLength: 8192,
    periodicFlush: 100,
  });
  const options: LoggerOptions = {
    level,
    base: { application: 'despatch', ...fields },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    messageKey: 'message',
    // Errors of the database driver contain personal data: the row in `detail`, the values of the statement in `where`.
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
