import type { Harness } from './harness.ts';
import { startProvider } from './sandbox-client.ts';
import { startServer } from './server.ts';

/** A provider, one API and one worker on a database of their own; the worker hands over to that provider. */
export async function openInstallation(harness: Harness) {
  const { url: databaseUrl, client } = await harness.openDatabase();
  const provider = await startProvider(harness);
  const api = await startServer(harness, { databaseUrl, roles: 'api' });
  const worker = await startServer(harness, {
    databaseUrl,
    roles: 'worker,scheduler',
    environment: { SANDBOX_URL: provider.client.url, API_HOST_NAME: api.url },
  });
  return { databaseUrl, client, provider, api, worker };
}
