import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { addUser } from '../../src/tenant/user/store.ts';
import { addTeamMember, setTemplateArchived } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

describe('template folders', () => {
  let world: World;
  let tenant: Tenant;
  let base: string;
  /** Active members, and one who is not active. */
  const [rowan, kim, sam] = [randomUUID(), randomUUID(), randomUUID()].sort() as [string, string, string];

  before(async () => {
    world = await createWorld({ roles: ['api'] });
    ({ tenant } = world);
    base = `/service/${tenant.id}/template-folder`;
    const { db } = world.connection;
    for (const id of [rowan, kim, sam]) {
      const state = id === sam ? 'pending' : 'active';
      await addUser(db, { id, name: 'A member', emailAddress: `${id}@example.com`, state });
      await addTeamMember(db, tenant.id, id);
    }
  });
  after(() => world.stop());

  const post = (path: string, body: object) => world.admin('POST', `${base}${path}`, body);
  const seen = ({ status, body }: { status: number; body: any }) => ({ status, body });
  const plain = (status: number, message: unknown) => ({ status, body: { result: 'error', message } });
  const listed = (message: string) => ({
    status: 400,
    body: { status_code: 400, errors: [{ error: 'ValidationError', message }] },
  });
  const noResult = plain(404, 'No result found');
  const done = { status: 204, body: null };
  async function add(name: string, parent_id: string | null = null): Promise<any> {
    const { status, body } = await post('', { name, parent_id });
    assert.equal(status, 201, JSON.stringify(body));
    return body.data;
  }
  const list = async () => (await world.admin('GET', base)).body.template_folders;
  const folderOf = async (id: string) =>
    (await world.admin('GET', `/service/${tenant.id}/template/${id}`)).body.data.folder;

  test('a folder is for all active members, one in another folder for those of the other', async () => {
    const top = await add('Tides');
    assert.deepEqual(top, {
      ...{ id: top.id, name: 'Tides', parent_id: null, service_id: tenant.id },
      users_with_permission: [rowan, kim],
    });
    const changed = await post(`/${top.id}`, { name: 'Boats', users_with_permission: [kim.toUpperCase()] });
    const boats = { ...top, name: 'Boats', users_with_permission: [kim] };
    assert.deepEqual(seen(changed), { status: 200, body: { data: boats } });
    const inner = await add('Ferries', top.id);
    assert.deepEqual([inner.parent_id, inner.users_with_permission], [top.id, [kim]]);
    assert.deepEqual(await list(), [boats, inner]);
    const renamed = await post(`/${top.id}`, { name: 'Ships' });
    assert.deepEqual(renamed.body.data, { ...boats, name: 'Ships' });
    assert.deepEqual((await post(`/${inner.id}`, { name: 'x', users_with_permission: [] })).body.data, {
      ...{ ...inner, name: 'x', users_with_permission: [] },
    });

    // Whoever leaves the service loses its folders.
    const leaving = randomUUID();
    const { db, pool } = world.connection;
    await addUser(db, { id: leaving, name: 'A', emailAddress: `${leaving}@example.com`, state: 'active' });
    await addTeamMember(db, tenant.id, leaving);
    await post(`/${top.id}`, { name: 'Ships', users_with_permission: [leaving, kim, kim] });
    await pool.query('delete from service_users where user_id = $1', [leaving]);
    const [ships] = await list();
    assert.deepEqual(ships.users_with_permission, [kim]);

    const bad: [string, object, object][] = [
      ['', { parent_id: null }, listed('name is a required property')],
      ['', { name: 'x' }, listed('parent_id is a required property')],
      ['', { name: 'x', parent_id: 7 }, listed('parent_id is not a valid UUID')],
      ['', { name: ' ', parent_id: null }, listed('name may not be blank')],
      ['', { name: 'a\0b', parent_id: null }, listed('name contains a null character')],
      ['', { name: 'x'.repeat(256), parent_id: null }, listed(`name ${'x'.repeat(256)} is too long`)],
      ['', { name: 'x', parent_id: randomUUID() }, plain(400, 'parent_id not found')],
      [`/${top.id}`, {}, listed('name is a required property')],
      [
        `/${top.id}`,
        { name: 'x', users_with_permission: ['a'] },
        listed('users_with_permission is not a valid UUID'),
      ],
      [`/${top.id}`, { name: 'x', users_with_permission: [kim, sam] }, noResult],
      [`/${randomUUID()}`, { name: 'x' }, noResult],
    ];
    for (const [path, body, expected] of bad)
      assert.deepEqual(seen(await post(path, body)), expected, JSON.stringify(body).slice(0, 100));
    assert.deepEqual((await list())[0], { ...boats, name: 'Ships' }, 'a refused change changes nothing');
    const other = await world.addTenant();
    const elsewhere = `/service/${other.id}/template-folder`;
    assert.deepEqual(
      seen(await world.admin('POST', elsewhere, { name: 'x', parent_id: top.id })),
      plain(400, 'parent_id not found'),
    );
    assert.deepEqual(seen(await world.admin('POST', `${elsewhere}/${top.id}`, { name: 'x' })), noResult);
    assert.deepEqual(
      seen(await world.admin('POST', `/service/${randomUUID()}/template-folder`, { name: 'x' })),
      noResult,
    );
  });

  test('templates and folders move into a folder and out again, with every refusal named', async () => {
    const [outer, inner] = [await add('Outer'), await add('Inner')];
    const { sms, email } = tenant.templates;
    const into = (id: string, body: object) => post(`/${id}/contents`, body);
    assert.deepEqual(seen(await into(outer.id, { templates: [sms, email], folders: [inner.id] })), done);
    assert.deepEqual([await folderOf(sms), await folderOf(email)], [outer.id, outer.id]);
    const { parent_id: parent } = (await list()).find(({ id }: any) => id === inner.id);
    assert.equal(parent, outer.id);
    const { version } = (await world.admin('GET', `/service/${tenant.id}/template/${sms}`)).body.data;
    assert.equal(version, 1, 'moving makes no version');

    const nobody = randomUUID();
    const elsewhere = (await world.addTenant()).templates.sms;
    const noFolder = `No folder found with id ${nobody} for service ${tenant.id}`;
    const noTemplate = (id: string) =>
      plain(400, `Could not move to folder: No template found with id ${id} for service ${tenant.id}`);
    const bad: [string, object, object][] = [
      [outer.id, { folders: [outer.id] }, plain(400, 'You cannot move a folder to itself')],
      [inner.id, { folders: [outer.id] }, plain(400, 'You cannot move a folder to one of its subfolders')],
      [outer.id, { folders: [nobody] }, plain(400, noFolder)],
      [inner.id, { templates: [sms, nobody] }, noTemplate(nobody)],
      [inner.id, { templates: [sms, elsewhere] }, noTemplate(elsewhere)],
      [nobody, {}, noResult],
    ];
    for (const [id, body, expected] of bad)
      assert.deepEqual(seen(await into(id, { templates: [], folders: [], ...body })), expected);
    assert.equal(await folderOf(sms), outer.id, 'a refused move moves nothing');
    assert.deepEqual(seen(await into(outer.id, { templates: [] })), listed('folders is a required property'));

    const full = plain(400, 'Folder is not empty');
    const remove = async (id: string) => seen(await world.admin('DELETE', `${base}/${id}`));
    await setTemplateArchived(world.connection.db, email, true);
    assert.deepEqual(seen(await into(outer.id, { templates: [email], folders: [] })), done);
    assert.equal(await folderOf(email), null, 'archived templates are in no folder');
    assert.deepEqual(seen(await post('/contents', { templates: [sms], folders: [] })), done);
    assert.equal(await folderOf(sms), null);
    assert.deepEqual(await remove(outer.id), full);
    assert.deepEqual(seen(await post('/contents', { templates: [], folders: [inner.id] })), done);
    assert.deepEqual(await remove(outer.id), done);
    assert.deepEqual(await remove(outer.id), noResult);
    assert.deepEqual(await remove(inner.id), done);
  });

  test('folders moved into each other at once never form a ring, and none is deleted while it is filled', async () => {
    for (let round = 0; round < 10; round += 1) {
      const [a, b, c] = [await add('A'), await add('B'), await add('C')];
      const move = (what: any, where: any) =>
        post(`/${where.id}/contents`, { templates: [], folders: [what.id] });
      const answers = await Promise.all([move(a, b), move(b, c), move(c, a)]);
      assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 204, 400]);
      const d = await add('D');
      const [removed, ...added] = await Promise.all([
        world.admin('DELETE', `${base}/${d.id}`),
        post('', { name: 'E', parent_id: d.id }),
        world.admin('POST', `/service/${tenant.id}/template`, {
          ...{ name: 'T', template_type: 'sms', content: 'x', created_by: kim, parent_folder_id: d.id },
        }),
      ]);
      const all = added.map(({ status }) => status);
      if (removed.status === 204) assert.deepEqual(all, [400, 400]);
      else assert.ok(removed.status === 400 && all.includes(201), JSON.stringify([removed, all]));
    }
  });

  test('every change of a folder leaves an event', async () => {
    const folder = await add('Logged');
    await post(`/${folder.id}`, { name: 'Known' });
    await post(`/${folder.id}/contents`, { templates: [tenant.templates.sms], folders: [] });
    await post('/contents', { templates: [tenant.templates.sms], folders: [] });
    await world.admin('DELETE', `${base}/${folder.id}`);
    const { events } = (await world.admin('GET', `/events?service_id=${tenant.id}`)).body;
    assert.deepEqual(
      events.slice(0, 5).map(({ event_type }: any) => event_type),
      [
        ...['delete_template_folder', 'move_to_template_folder', 'move_to_template_folder'],
        ...['update_template_folder', 'create_template_folder'],
      ],
    );
    assert.deepEqual(events[2].data.after, {
      ...{ folder: folder.id, folders: [], templates: [tenant.templates.sms] },
    });
  });
});
