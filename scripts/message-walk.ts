/**
 * `npm run walk`: lists the files of `src/` that one text message passes through, from the POST to the callback that
 * reports it delivered. Starts the product (roles `api`, `worker` and `sandbox`) on a database of its own, sends one
 * message, and prints every file of which a function ran meanwhile (V8's precise coverage), with their number in the
 * last line. Exit code 1 when there are more than `mostFiles`: then a message has become harder to follow.
 */
import { Session } from 'node:inspector/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryEmbedded } from '../embedded-postgres/embedded.ts';

/** Among them the queue and the calls of HTTP servers, which libraries did before (docs/decisions/0030). */
const mostFiles = 64;
/** The sandbox stands in for a provider here; its client is not counted either. */
const sandboxClient = 'src/provider/suppliers/sandbox/';
const root = fileURLToPath(new URL('..', import.meta.url));

const embedded = await temporaryEmbedded();
process.env['TEST_DATABASE_URL'] = embedded.url;
const { createWorld } = await import('../test/support/world.ts');
const { receiver: startReceiver } = await import('../test/support/callback-receiver.ts');
const { makeToken } = await import('../src/cli/client.ts');
const { platformUserId } = await import('../src/tenant/user/store.ts');

let files: string[] = [];
const world = await createWorld({
  roles: ['api', 'worker', 'sandbox'],
  environment: { CALLBACK_ALLOW_PRIVATE: '1', LOG_LEVEL: 'info' },
});
const receiver = await startReceiver();
try {
  const { id, keys, templates } = world.tenant;
  const added = await world.admin('POST', `/service/${id}/callback-api`, {
    url: receiver.url,
    bearer_token: 'a-token-of-the-walk',
    updated_by_id: platformUserId,
    callback_type: 'delivery_status',
  });
  if (added.status !== 201) throw new Error(JSON.stringify(added.body));
  const request = {
    method: 'POST',
    headers: { Authorization: `Bearer ${makeToken(keys.normal, Date.now())}` },
    body: JSON.stringify({
      phone_number: '07700 900123',
      template_id: templates.sms,
      personalisation: { name: 'Rowan', time: '14:05' },
    }),
  };
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const { status } = await fetch(`${world.api}/v2/notifications/sms`, request);
  if (status !== 201) throw new Error(`The POST was answered ${status}`);
  await world.until(
    async () => receiver.seen.length,
    (count) => count > 0,
  );
  const { result } = await session.post('Profiler.takePreciseCoverage');
  files = result
    .filter(({ functions }) => functions.some(({ ranges }) => ranges.some(({ count }) => count > 0)))
    .map(({ url }) => (url.startsWith('file:') ? relative(root, fileURLToPath(url)) : ''))
    .filter((file) => file.startsWith('src/') && !file.startsWith(sandboxClient))
    .sort();
} finally {
  receiver.stop();
  await world.stop();
  await embedded.stop();
}
process.exitCode = files.length === 0 || files.length > mostFiles ? 1 : 0;
// After the last log lines, which are written when the process exits.
process.on('exit', () => {
  console.log(files.join('\n'));
  console.log(`${files.length} files of src/ take part in one text message (at most ${mostFiles})`);
});
