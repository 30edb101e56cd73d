import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { everyPermission, type WebWorld } from '../support/web.ts';

/** Gives a service people, invites, senders and what its history tells of; values of the parameters of paths. */
export async function fillTeam(
  world: WebWorld,
  serviceId = world.tenant.id,
): Promise<Readonly<Record<string, string>>> {
  const post = async (path: string, body: object) => {
    const { status, body: answer } = await world.admin('POST', path, body);
    assert.ok(status < 300, `${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  };
  const user = await world.addUser(['view_activity', 'send_texts'], serviceId);
  const manager = await world.addUser(everyPermission, serviceId);
  const base = `/service/${serviceId}`;
  const short = randomUUID().slice(0, 8);
  const invite = await post(`${base}/invite`, {
    ...{ email_address: `ash.${short}@harbour.example`, from_user: manager, permissions: 'view_activity' },
  });
  const sender = await post(`${base}/sms-sender`, { sms_sender: 'QUAY', is_default: false });
  const address = await post(`${base}/email-reply-to`, {
    ...{ email_address: `quay.${short}@harbour.example`, is_default: false },
  });
  const suppression = await post(`${base}/suppressions`, { recipient: '07700900555' });
  await post(base, { contact_link: 'https://harbour.example/help', created_by: manager });
  return {
    ...{ user, invite: invite.data.id, sender: sender.id, address: address.data.id },
    ...{ suppression: suppression.data.id, topic: 'statuses' },
  };
}
