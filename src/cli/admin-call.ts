import { readConfig } from '../config/config.ts';
import { createLog } from '../ground/log.ts';
import { type LocalApi, openLocalApi } from '../process/local-api.ts';
import { onSignal } from './signals.ts';

/** Calls the admin API of this machine's installation. `path` with its query; `body`: parsed, null if there is none. */
export type AdminCall = (
  method: string,
  path: string,
  body?: unknown,
) => Promise<{ status: number; body: unknown }>;

/**
 * Opens the installation that the environment describes, runs `run` with its admin API, and closes it again. Only errors
 * are logged, to standard error; LOG_LEVEL=debug logs everything. Throws a ConfigError.
 */
export async function withAdminCall<Result>(
  run: (call: AdminCall, local: LocalApi) => Promise<Result>,
): Promise<Result> {
  const config = readConfig(process.env);
  const { logLevel, environment, logJson: json } = config.installation;
  const log = createLog(logLevel === 'debug' ? 'debug' : 'error', { environment }, { to: 2, json });
  const local = await openLocalApi(config, log);
  // In order, as a server that has begun meanwhile may use this process's database.
  onSignal(() => local.stop(), 1);
  try {
    return await run(local.call, local);
  } finally {
    await local.stop();
  }
}
