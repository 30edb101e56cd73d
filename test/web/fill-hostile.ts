import assert from 'node:assert/strict';
import { announceService } from '../../src/tenant/service/store.ts';
import { accept, receiver } from '../support/callback-receiver.ts';
import { startJob, tideRows } from '../support/jobs.ts';
import { everyPermission, type WebWorld } from '../support/web.ts';
import { failing } from './fill-messages.ts';
import { receiving, withNumber } from './fill-received.ts';

/** What a world needs that is to be filled so. */
export const hostileEnvironment = { ...receiving, CALLBACK_ALLOW_PRIVATE: '1' };

/** What a page would run, load or work out if it were taken for more than text. */
const attack =
  '"><img src=x onerror="window.ran=1"><script>window.ran=1</script>\'--><svg/onload=window.ran=1>&lt;INJ\x24{7*7}INJ{{7*7}}';
/** And what would turn what follows around, or make it too wide. */
export const hostile = `${attack} javascript:window.ran=1 \u202eright to left \u{1F6A2} ${'W'.repeat(120)}`;
/** As a name with little room, and in one line of a cell. */
const short = '"><img src=x onerror=window.ran=1>INJ\x24{7*7}\u202e\u{1F6A2}';
const cell = `"${hostile.replaceAll('"', '""')}"`;

/** Gives the tenant hostile text in every field that people or programs can fill; returns ids for the paths of pages. */
export async function fillHostile(world: WebWorld): Promise<Readonly<Record<string, string>>> {
  const { tenant, connection } = world;
  const of = `/service/${tenant.id}`;
  const author = await world.addUser(everyPermission);
  const post = async (path: string, body: object | string, headers: Record<string, string> = {}) => {
    const answer = await world.admin('POST', path, body, headers);
    assert.ok(answer.status < 300, `${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const made = async (path: string, body: object) => (await post(of + path, body)).data.id as string;
  const write = (text: string, values: readonly unknown[]) => connection.pool.query(text, [...values]);

  const folder = await made('/template-folder', {
    name: hostile.slice(0, 240),
    parent_id: null,
    created_by: author,
  });
  const odd =
    '((<b onclick=window.ran=1>)) ((constructor)) ((__proto__)) ((toString)) ((")) ((x??javascript:window.ran=1))';
  const mail = await made('/template', {
    ...{
      name: hostile.slice(0, 240),
      template_type: 'email',
      subject: `${short} ((constructor))`,
      created_by: author,
    },
    content: `# ${hostile}\n\n${odd}\n\n* ${hostile}\n\n^ ${hostile}\n\n[link](javascript:window.ran=1) https://a.example/"onclick="window.ran=1`,
    parent_folder_id: folder,
  });
  await post(`${of}/template/${mail}`, { content: `${odd} other ${hostile}`, created_by: author });
  const text = await made('/template', {
    ...{
      name: hostile.slice(0, 240),
      template_type: 'sms',
      content: `${hostile} ${odd}`,
      created_by: author,
    },
  });
  const gone = await made('/template', {
    ...{ name: short, template_type: 'sms', content: short, created_by: author },
  });
  await post(`${of}/template/${gone}`, { archived: true, created_by: author });

  await post(`/user/${author}`, { name: hostile.slice(0, 240) });
  await write('update users set name = $1 where platform_admin', [short]);
  const suppression = await made('/suppressions', { recipient: '07700900555' });
  const invite = await made('/invite', {
    ...{ email_address: 'ash@harbour.example', from_user: author, permissions: 'view_activity' },
  });
  const sender = (await post(`${of}/sms-sender`, { sms_sender: 'QUAY', is_default: false })).id as string;
  const replies = { email_address: 'a@quay.example', is_default: false };
  const address = (await post(`${of}/email-reply-to`, replies)).data.id as string;

  // Programs: what they call themselves, what they send, and what they answer.
  const back = await receiver((_seen, response) => {
    response.writeHead(400, { 'content-type': 'text/html', 'x-why': 'javascript:window.ran=1' }).end(hostile);
  });
  await post(`${of}/callback-api`, {
    url: `${back.url}/%22%3E%3Cimg%20src=x%20onerror=window.ran=1%3E?of='`,
    ...{ bearer_token: 'token-of-the-service', updated_by_id: author, callback_type: 'delivery_status' },
  });
  await world.behave({ receipt_delay_ms: { min: 0, max: 0 }, recipients: failing });
  const personalisation = { name: `${hostile}\u0007\u001b[31m\u0085`, time: '14:05' };
  const messages: string[] = [];
  for (const phone_number of ['07700900791', '07700900111', '07700900792']) {
    const { status, body } = await world.call('POST', '/v2/notifications/sms', {
      body: {
        template_id: tenant.templates.sms,
        phone_number,
        personalisation,
        reference: hostile.slice(0, 240),
      },
      headers: { 'user-agent': attack.replace(/[^\x20-\x7e]/g, '') },
    });
    assert.equal(status, 201, JSON.stringify(body));
    messages.push(body.id);
  }
  const email = await world.call('POST', '/v2/notifications/email', {
    body: {
      ...{ template_id: tenant.templates.email, email_address: 'ash@quay.example.com', reference: short },
      personalisation,
    },
  });
  await world.call('POST', '/v2/notifications/sms', {
    body: { template_id: hostile, phone_number: hostile, personalisation: { [hostile]: hostile } },
  });
  const receive = await withNumber(world, tenant.id);
  const received = await receive('447700900111', hostile);

  // Files: their names, columns and cells, in good rows and bad ones.
  const upload = async (lines: readonly string[], type: 'sms' | 'email' = 'sms') => {
    const query = new URLSearchParams({
      template_id: tenant.templates[type],
      file_name: `${hostile.slice(0, 200)}.csv`,
    });
    return (
      await post(
        `${of}/upload?${query}`,
        [`${type === 'sms' ? 'phone number' : 'email address'},name,time,${cell}`, ...lines, ''].join('\n'),
      )
    ).data.id as string;
  };
  const list = await upload([`07700900101,${cell},14:05,${cell}`]);
  await post(`${of}/contact-list`, { id: list, created_by: author });
  const mailUpload = await upload([`ash@quay.example,${cell},14:05,${cell}`], 'email');
  const job = await startJob(world, tenant, [
    ...tideRows(2),
    ['07700900002', hostile, '1', hostile.slice(0, 200)],
    ['07700900003', hostile, '2', short],
  ]);
  await world.drain(60);
  const report = await made('/report-request', {
    ...{
      user_id: author,
      report_type: 'notifications_report',
      notification_type: 'sms',
      notification_status: 'all',
    },
  });
  const log = await world.until(
    () => world.admin('GET', `${of}/callbacks`),
    ({ body }) => body.callbacks.some((one: { attempts: number }) => one.attempts > 0),
  );
  back.become(accept);
  back.stop();

  // What no way in lets through today: an older release, or a provider, may have.
  const { rows } = await write(
    'update api_keys set name = $2 || left(id::text, 4) where service_id = $1 returning id',
    [tenant.id, hostile],
  );
  await write('update service_sms_senders set sms_sender = $2 where id = $1', [sender, short]);
  await write('update service_email_reply_to set email_address = $2 where id = $1', [address, short]);
  await write('update invites set email_address = $2 where id = $1', [invite, `${short}@quay.example`]);
  await write('update attempts set code = $1, detail = $1', [hostile]);
  await write('update receipts set raw_status = $1', [hostile]);
  await write('update service_callback_attempts set code = $1, detail = $1', [hostile]);
  await write('update suppressions set recipient = $2 where id = $1', [suppression, short]);
  await write('update service_callback_api set url = $1', [`https://a.example/${attack}`]);
  await write('update uploads set original_file_name = $1', [hostile]);
  await write('update jobs set original_file_name = $1', [hostile]);
  await write(
    'insert into service_guest_list (id, service_id, recipient) values (gen_random_uuid(), $1, $2)',
    [...[tenant.id, short]],
  );
  await write('update services set name = $2, contact_link = $3 where id = $1', [
    ...[tenant.id, hostile.slice(0, 250), `javascript:window.ran=1//${short}`],
  ]);
  await announceService(connection.db, tenant.id);
  const { body: providers } = await world.admin('GET', '/provider-details');
  const [provider] = providers.provider_details;
  await post(`/provider-details/${provider.id}`, {
    priority: 50,
    reason: hostile.slice(0, 200),
    created_by: author,
  });
  return {
    ...{
      service: tenant.id,
      serviceId: tenant.id,
      user: author,
      folder,
      template: mail,
      list,
      job,
      report,
      invite,
    },
    ...{ sender, address, suppression, topic: 'statuses', type: 'delivery_status', row: '3', text: received },
    ...{
      upload: await upload([
        `0770,${cell},14:05,x`,
        `${cell},,,${cell}`,
        `07700900101,${cell},14:05,${cell}`,
      ]),
    },
    ...{ message: messages[0]!, key: rows[0].id, callback: log.body.callbacks[0].id },
    ...{ provider: provider.id, textTemplate: text, mailMessage: email.body.id, mailUpload },
  };
}
