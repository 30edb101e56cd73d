/**
 * v2-validation-errors.json: requests that v2 refuses, and the exact answers (spec 01, section 3), over HTTP.
 * `requires` says in words which template and permissions a case needs.
 */
import { addTemplate } from '../../../src/content/template/store.ts';
import type { Tenant } from '../../support/tenant.ts';
import { createWorld, type World } from '../../support/world.ts';
import { type Judgement, plainCases, type Suite, type VectorCase } from '../suite.ts';

type Case = VectorCase &
  Readonly<{
    method: string;
    path: string;
    body?: unknown;
    raw_body?: string;
    requires?: string;
    status: number;
    errors: unknown;
  }>;

type Started = Readonly<{
  world: World;
  /** With every permission, letters too. */
  everything: Tenant;
  /** With the template of the cases about files, and a contact link. */
  files: Tenant;
}>;

/** The template id in all cases. */
const templateId = '3f9d0c52-7b1e-4a86-b2c4-91e05d6a7f38';

async function start(): Promise<Started> {
  const world = await createWorld({ roles: ['api'] });
  const { connection, addTenant } = world;
  const everything = await addTenant({
    permissions: ['sms', 'email', 'letter', 'international_sms', 'sms_to_uk_landlines', 'inbound_sms'],
  });
  const files = await addTenant();
  // Before the service is first read, so that no cache has an old copy.
  await connection.pool.query('update services set contact_link = $2 where id = $1', [
    files.id,
    'https://harbour.example/contact',
  ]);
  await addTemplate(connection.db, {
    id: templateId,
    serviceId: files.id,
    type: 'email',
    name: 'Minutes',
    subject: 'Minutes',
    content: 'Download: ((doc))',
  });
  return { world, everything, files };
}

let started: Promise<Started> | null = null;

function tenantFor({ everything, files }: Started, requires: string | undefined): Tenant {
  // A letter template cannot be stored, and need not be: faults of the address are reported without it.
  if (requires === undefined || /letter template .* without placeholders; .*letter permission/.test(requires))
    return everything;
  if (/email template .* whose only placeholder is \(\(doc\)\), and .* contact link/.test(requires))
    return files;
  throw new Error(`No tenant meets what this case requires: ${requires}`);
}

async function judge(raw: VectorCase): Promise<readonly Judgement[]> {
  const vector = raw as Case;
  started ??= start();
  const current = await started;
  const sent = vector.raw_body ?? ('body' in vector ? JSON.stringify(vector.body) : undefined);
  const { status, body } = await current.world.call(vector.method, vector.path, {
    ...(sent !== undefined && { body: sent }),
    key: tenantFor(current, vector.requires).keys.normal,
  });
  return [
    { part: 'status', expected: vector.status, got: status },
    { part: 'body', expected: { status_code: vector.status, errors: vector.errors }, got: body },
  ];
}

export default {
  file: 'v2-validation-errors',
  aliases: ['api'],
  needsDatabase: true,
  cases: plainCases,
  judge,
  async close() {
    await (await started)?.world.stop();
    started = null;
  },
} satisfies Suite;
