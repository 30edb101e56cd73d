import assert from 'node:assert/strict';
import { startJob, tideRows } from '../support/jobs.ts';
import type { WebWorld } from '../support/web.ts';

/** Gives the tenant files of recipients in every state. Returns what the paths of their pages need. */
export async function fillUploads(world: WebWorld): Promise<Readonly<Record<string, string>>> {
  const { tenant } = world;
  const service = `/service/${tenant.id}`;
  const lines = [...tideRows(8)].map(([number, name, time], index) =>
    [index === 1 ? '0770' : number, index === 2 ? '' : name, time].join(','),
  );
  const add = async (rows: readonly string[], name: string) => {
    const query = new URLSearchParams({ template_id: tenant.templates.sms, file_name: name });
    const file = ['phone number,name,time', ...rows, ''].join('\n');
    const { status, body } = await world.admin('POST', `${service}/upload?${query}`, file);
    assert.equal(status, 201, JSON.stringify(body));
    return body.data.id as string;
  };
  const list = await add(lines.slice(3), 'wardens.csv');
  const userId = await world.addUser(['send_texts']);
  const kept = await world.admin('POST', `${service}/contact-list`, { id: list, created_by: userId });
  assert.equal(kept.status, 201, JSON.stringify(kept.body));
  const job = await startJob(world, tenant, [
    ...tideRows(4),
    ['07700900002', 'Ann', '1', 'a'],
    ['07700900003', 'Bob', '2', 'b'],
  ]);
  await world.drain();
  const report = await world.admin('POST', `${service}/report-request`, {
    ...{ user_id: userId, report_type: 'notifications_report' },
    ...{ notification_type: 'sms', notification_status: 'all' },
  });
  return {
    template: tenant.templates.sms,
    upload: await add(lines, 'tides.csv'),
    row: '3',
    list,
    job,
    report: report.body.data.id,
  };
}
