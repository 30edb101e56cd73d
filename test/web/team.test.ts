import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, suite, test } from 'node:test';
import { createWebWorld, everyPermission, type WebWorld } from '../support/web.ts';

suite('the team of a service (spec 07, sections 6 and 8)', () => {
  let world: WebWorld;
  before(async () => {
    world = await createWebWorld();
  });
  after(() => world.stop());

  const newAddress = () => `ash.${randomUUID().slice(0, 8)}@harbour.example`;
  const permissionsOf = async (userId: string, serviceId: string) =>
    ((await world.admin('GET', `/user/${userId}`)).body.data.permissions[serviceId] ?? []).toSorted();

  test('whoever is alone is told what that means', async () => {
    const { id } = await world.addTenant({});
    const reader = await world.person(everyPermission, id);
    assert.match((await reader.get(`/services/${id}/team`)).text, /You are alone: if you lose access/);
    await world.addUser(['view_activity'], id);
    assert.doesNotMatch((await reader.get(`/services/${id}/team`)).text, /You are alone/);
  });

  test('several people are invited at once; those that cannot be are left in the form with the reason', async () => {
    const { id } = await world.addTenant({});
    const reader = await world.person(everyPermission, id);
    const path = `/services/${id}/team/invite`;
    const [one, two] = [newAddress(), newAddress()];
    const member = (await world.admin('GET', `/user/${reader.userId}`)).body.data.email_address as string;
    assert.equal((await reader.submit(path, { addresses: ' \n ' })).status, 400);
    const partly = await reader.submit(path, {
      addresses: `${one}\n\n${two}\nnot an address\n${member}`,
      permission: ['view', 'send'],
    });
    assert.equal(partly.status, 400);
    assert.match(partly.text, /2 invitations are on their way\. The others were not sent\./);
    assert.match(partly.text, /is a member of this service already/);
    assert.match(
      partly.text,
      new RegExp(`>\\s*not an address\\n${member.replaceAll('.', '\\.')}</textarea>`),
    );
    for (const address of [one, two]) assert.match(await world.received(address), /invit/i);
    const { text } = await reader.get(`/services/${id}/team`);
    assert.ok(text.includes(one) && text.includes(two));
    assert.match(text, /See messages and figures, Send/);
    const again = await reader.submit(path, { addresses: one, permission: 'view' });
    assert.match(again.text, /has been invited already/);
  });

  test('an invitation is sent again and withdrawn', async () => {
    const reader = await world.person(everyPermission);
    const team = `/services/${world.tenant.id}/team`;
    const address = newAddress();
    const done = await reader.submit(`${team}/invite`, { addresses: address, permission: 'view' });
    assert.equal(done.location, team);
    const { body } = await world.admin('GET', `/service/${world.tenant.id}/invite`);
    const { id } = body.data.find((each: { email_address: string }) => each.email_address === address);
    const first = await world.linkFor(address, '/invitation/');
    await reader.submit(team, { do: 'resend' }, `${team}/invites/${id}`);
    assert.notEqual(await world.linkFor(address, '/invitation/'), first);
    await reader.submit(team, { do: 'withdraw' }, `${team}/invites/${id}`);
    assert.match((await reader.get(team)).text, /The invitation is withdrawn\./);
    const late = await reader.submit(team, { do: 'resend' }, `${team}/invites/${id}`);
    assert.match((await reader.follow(late)).text, /This invite has been cancelled/);
  });

  test('what a member may do is changed, and a member is removed after a warning', async () => {
    const { id } = await world.addTenant({});
    const reader = await world.person(everyPermission, id);
    const other = await world.person(['view_activity'], id);
    const path = `/services/${id}/team/${other.userId}`;
    assert.match((await reader.get(path)).text, /value="view" checked/);
    const saved = await reader.submit(path, { permission: ['send', 'keys'] });
    assert.equal(saved.location, `/services/${id}/team`);
    assert.deepEqual(await permissionsOf(other.userId!, id), [
      'manage_api_keys',
      'send_emails',
      'send_texts',
    ]);
    assert.match((await reader.get(`${path}/remove`)).text, /loses access to this service at once/);
    await reader.submit(`${path}/remove`, {});
    await world.until(
      () => other.get(`/services/${id}/team`),
      ({ status }) => status === 404,
    );
    assert.equal((await reader.get(path)).status, 404);
  });

  test('the last one who can manage the team stays', async () => {
    const { id } = await world.addTenant({});
    const reader = await world.person(everyPermission, id);
    await world.addUser(['view_activity'], id);
    const path = `/services/${id}/team/${reader.userId}`;
    const changed = await reader.submit(path, { permission: ['view', 'settings'] });
    assert.equal(changed.status, 400);
    assert.match(changed.text, /They are the last one who can manage the team/);
    const removed = await reader.submit(`${path}/remove`, {});
    assert.match(removed.text, /They are the last one who can manage the team/);
    assert.equal((await permissionsOf(reader.userId!, id)).length, everyPermission.length);
  });

  test('changes need a password that was given lately, and go on afterwards', async () => {
    const reader = await world.person(everyPermission);
    await world.advance(31 * 60);
    const path = `/services/${world.tenant.id}/team/invite`;
    const asked = await reader.get(path);
    assert.match(asked.location ?? '', /^\/sign-in\/again\?onward=/);
    const onward = /name="_onward" value="([^"]+)"/.exec((await reader.get(asked.location!)).text)![1]!;
    const wrong = await reader.submit('/sign-in/again', { password: 'a wrong one', _onward: onward });
    assert.equal(wrong.status, 400);
    const proved = await reader.submit('/sign-in/again', {
      ...{ password: 'an unusual passphrase', _onward: onward },
    });
    assert.equal(proved.location, path);
    assert.equal((await reader.get(path)).status, 200);
    assert.equal((await reader.get(`/services/${world.tenant.id}/team`)).status, 200);
  });

  test('without the permission one sees the team, and who could give it', async () => {
    const { id } = await world.addTenant({});
    await world.person(['manage_users'], id);
    const reader = await world.person(['view_activity'], id);
    const { text, status } = await reader.get(`/services/${id}/team`);
    assert.equal(status, 200);
    assert.ok(!text.includes('/team/invite'));
    const refused = await reader.get(`/services/${id}/team/invite`);
    assert.equal(refused.status, 403);
    assert.match(refused.text, /“Manage the team”/);
    assert.match(refused.text, /Sam Ferry can give it to you/);
  });
});
