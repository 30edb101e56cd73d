import { startProvider } from './sandbox-client.ts';
import { startServer } from './server.ts';
import type { Stage } from './stage.ts';

/** A provider, one API and one worker on a database of their own; the worker hands over to that provider. */
export async function openInstallation(stage: Stage) {
  const { url: databaseUrl, client } = await stage.openDatabase();
  const provider = await startProvider(stage);
  const api = await startServer(stage, { databaseUrl, roles: 'api' });
  const worker = await startServer(stage, {
    databaseUrl,
    roles: 'worker,scheduler',
    environment: { SANDBOX_URL: provider.client.url, API_HOST_NAME: api.url },
  });
  return { databaseUrl, client, provider, api, worker };
}
