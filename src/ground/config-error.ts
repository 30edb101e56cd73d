/**
 * An error that the operator can fix: a setting, a port, a file, a database that does not answer. The message is a
 * sentence that says what to do; the process prints it without a stack trace and exits with 1.
 */
export class ConfigError extends Error {
  override name = 'ConfigError';
}
