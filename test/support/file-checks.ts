/** Files of recipients from the upload to what was sent, for the tests of files as programs write them. */
import assert from 'node:assert/strict';
import { platformUserId } from '../../src/tenant/user/store.ts';
import { readJob } from './jobs.ts';
import { setLimits } from './operator.ts';
import { createWorld } from './world.ts';

/** What went out: the recipient as in the file, and the values of the other columns. */
export type Sent = readonly (readonly [recipient: string, name: string, time: string])[];
/** How a file ends: it is sent, is refused with a sentence, or is checked with errors at these rows. */
export type End =
  | { readonly sent: Sent }
  | { readonly refused: RegExp }
  | { readonly errors: readonly (readonly [row: number | null, message: RegExp])[] };

export const header = 'phone number,name,time';
export const [ann, zoe] = ['07900900123,Ann,14:05', '07900900456,Zoë O’Neill,15:10'];
export const both: Readonly<{ sent: Sent }> = {
  sent: [
    ['07900900123', 'Ann', '14:05'],
    ['07900900456', 'Zoë O’Neill', '15:10'],
  ],
};
/** The sentences of files that are refused. */
export const encoding =
  /some of its letters are damaged, or in an encoding that cannot be told: save it again as/;
export const markup = /because it is a web page or XML/;

/** A platform with a service whose files are checked and sent. */
export async function openFileChecks() {
  const world = await createWorld();
  const tenant = await world.addTenant({ permissions: ['sms'], prefixSms: false });
  await setLimits(world.connection.db, tenant.id, { limits: { sms: 250_000 } });

  const upload = (file: string | Buffer, name: string) =>
    world.admin(
      'POST',
      `/service/${tenant.id}/upload?template_id=${tenant.templates.sms}&file_name=${name}`,
      file,
    );

  async function check(file: string | Buffer, end: End, name: string): Promise<void> {
    const { status, body } = await upload(file, name);
    if ('refused' in end) {
      assert.equal(status, 400, JSON.stringify(body));
      assert.match(body.message, end.refused);
      return;
    }
    assert.equal(status, 201, JSON.stringify(body));
    const { id, valid, errors } = body.data;
    if ('errors' in end) {
      assert.equal(valid, false);
      assert.equal(errors.length, end.errors.length, JSON.stringify(errors));
      for (const [at, [row, message]] of end.errors.entries()) {
        assert.equal(errors[at].row, row);
        assert.match(errors[at].message, message);
      }
      const job = await world.admin('POST', `/service/${tenant.id}/job`, { id, created_by: platformUserId });
      assert.equal(job.status, 400);
      return;
    }
    assert.deepEqual([valid, errors], [true, []]);
    await assertSent(id, end.sent);
  }

  async function assertSent(id: string, sent: Sent): Promise<void> {
    const order = { id, created_by: platformUserId };
    assert.equal((await world.admin('POST', `/service/${tenant.id}/job`, order)).status, 201);
    await world.until(
      () => readJob(world, tenant, id),
      ({ final_at }) => final_at !== null,
      60,
    );
    const { body } = await world.admin('GET', `/service/${tenant.id}/job/${id}/notifications`);
    const messages = body.notifications.map(({ to, status, personalisation: { name, time } }: any) => [
      to,
      status,
      name.replaceAll('\r\n', '\n'),
      time,
    ]);
    assert.deepEqual(
      messages,
      sent.map(([to, ...values]) => [to, 'delivered', ...values]),
    );
  }

  /** The cells of the first row of an upload. */
  async function firstCells(id: string): Promise<readonly string[]> {
    const { body } = await world.admin('GET', `/service/${tenant.id}/upload/${id}/rows`);
    return body.data[0].cells;
  }

  return { upload, check, firstCells, stop: () => world.stop() };
}

export type FileChecks = Awaited<ReturnType<typeof openFileChecks>>;
