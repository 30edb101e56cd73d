import assert from 'node:assert/strict';
import type { WebWorld } from '../support/web.ts';

/** A folder, an email with two versions, and a deleted template; the ids that the paths of templates need. */
export async function fillTemplates(world: WebWorld): Promise<Readonly<Record<string, string>>> {
  const author = await world.addUser([]);
  const of = `/service/${world.tenant.id}`;
  const make = async (path: string, body: object) => {
    const answer = await world.admin('POST', `${of}${path}`, { created_by: author, ...body });
    assert.ok(answer.status < 300, JSON.stringify(answer.body));
    return answer.body.data.id as string;
  };
  const folder = await make('/template-folder', { name: 'Tides & <b>storms</b>', parent_id: null });
  const template = await make('/template', {
    ...{ name: 'Ferry <i>late</i>', template_type: 'email', subject: 'Ferry to ((place))' },
    content: 'Dear ((name)),\n\n# The ferry is late\n\n* leaves at ((time))\n* https://ferry.example/plan\n',
    parent_folder_id: folder,
  });
  await make(`/template/${template}`, { content: 'Dear ((name)),\n\nthe ferry leaves at ((day)).' });
  const gone = await make('/template', { name: 'Gone', template_type: 'sms', content: 'Gone ((when))' });
  await make(`/template/${gone}`, { archived: true });
  return { template, folder };
}
