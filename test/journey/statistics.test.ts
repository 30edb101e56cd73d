import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { dayAfter, dayOf } from '../../src/ground/clock.ts';
import { mondayOf } from '../../src/statistics/totals/periods.ts';
import { rebuildDay } from '../../src/statistics/totals/store-recount.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { startJob, tideRows } from '../support/jobs.ts';
import { storeMessages } from '../support/messages.ts';
import { addTeamMember } from '../support/operator.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

const zeros = { requested: 0, delivered: 0, failed: 0 };
const none = { sms: zeros, email: zeros, letter: zeros };

describe('figures over HTTP', () => {
  let world: World;
  let tenant: Tenant;
  let today: string;
  /** Messages of the day on which the clocks went back, and of both sides of a financial year. */
  const past = [
    ['2025-03-31T22:59:59Z', 'delivered', 'sms'],
    ['2025-03-31T23:00:00Z', 'delivered', 'sms'],
    ['2025-04-30T22:59:59Z', 'sent', 'sms'],
    ['2025-10-26T00:30:00Z', 'permanent-failure', 'email'],
    ['2025-10-26T23:59:59Z', 'cancelled', 'email'],
    ['2026-03-31T22:59:59Z', 'validation-failed', 'sms'],
  ] as const;
  before(async () => {
    world = await createWorld();
    tenant = world.tenant;
    const send = (type: 'sms' | 'email', to: object, key = tenant.keys.normal) =>
      world.call('POST', `/v2/notifications/${type}`, {
        key,
        body: { template_id: tenant.templates[type], ...to, personalisation: { name: 'Ada', time: '1' } },
      });
    await send('sms', { phone_number: '07700900123' });
    await send('sms', { phone_number: '07822222222' });
    await send('email', { email_address: 'rowan@example.com' });
    await send('sms', { phone_number: '07700900123' }, tenant.keys.test);
    await startJob(world, tenant, tideRows(2));
    await world.drain();
    const stored = past.map(([at, status, type]) => ({ status, type, createdAt: Date.parse(at) }));
    await storeMessages(world, tenant, [
      ...stored,
      { status: 'delivered', keyType: 'test', createdAt: Date.parse('2025-04-30T12:00:00Z') },
    ]);
    for (const [at] of past) await rebuildDay(world.connection.db, dayOf(Date.parse(at)));
    await rebuildDay(world.connection.db, '2025-04-30');
    today = dayOf(world.clock.now());
  });
  after(() => world.stop());

  async function get(path: string): Promise<any> {
    const { status, body } = await world.admin('GET', path);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }
  const ofTenant = (path: string) => get(`/service/${tenant.id}/${path}`);
  const nowStatistics = {
    sms: { requested: 4, delivered: 3, failed: 1 },
    email: { requested: 1, delivered: 1, failed: 0 },
    letter: zeros,
  };

  test('a service shows its figures of today or of the week, without test keys', async () => {
    const { data } = await get(`/service/${tenant.id}?detailed=True&today_only=True`);
    assert.deepEqual(data.statistics, nowStatistics);
    for (const hidden of ['users', 'created_by', 'organisation', 'branding'])
      assert.ok(!(hidden in data), hidden);
    assert.equal(data.id, tenant.id);
    assert.deepEqual((await get(`/service/${tenant.id}?detailed=True`)).data.statistics, nowStatistics);
    assert.deepEqual((await ofTenant('statistics?today_only=True')).data, nowStatistics);
    assert.deepEqual((await ofTenant('statistics?limit_days=0')).data, nowStatistics);
    const quiet = await world.addTenant();
    assert.deepEqual((await get(`/service/${quiet.id}?detailed=True`)).data.statistics, none);
    assert.ok(!('statistics' in (await get(`/service/${tenant.id}`)).data));
  });

  test('the list of services has figures of today or of a range, and of test keys unless they are left out', async () => {
    const statistics = async (query: string) =>
      (await get(`/service?detailed=True${query}`)).data.find((one: { id: string }) => one.id === tenant.id)
        .statistics;
    assert.deepEqual(await statistics('&include_from_test_key=False'), nowStatistics);
    assert.equal((await statistics('')).sms.requested, 5);
    assert.equal((await statistics(`&start_date=${today}&end_date=2016-01-01`)).sms.requested, 5);
    assert.deepEqual(
      await statistics('&start_date=2025-04-01&end_date=2025-10-26&include_from_test_key=False'),
      {
        sms: { requested: 2, delivered: 2, failed: 0 },
        email: { requested: 1, delivered: 0, failed: 1 },
        letter: zeros,
      },
    );
    assert.deepEqual(await statistics('&start_date=0000-01-01&end_date=0001-01-01'), none);
  });

  test('the months of a financial year are those of London, with all statuses and zeros', async () => {
    const { data } = await ofTenant('notifications/monthly?year=2025');
    assert.deepEqual(
      [Object.keys(data).length, Object.keys(data)[0], Object.keys(data)[11]],
      [12, '2025-04', '2026-03'],
    );
    const zeroed = {
      ...{ created: 0, sending: 0, sent: 0, delivered: 0, pending: 0, failed: 0, 'technical-failure': 0 },
      ...{ 'temporary-failure': 0, 'permanent-failure': 0 },
    };
    assert.deepEqual(data['2025-05'], { sms: zeroed, email: zeroed, letter: zeroed });
    assert.deepEqual(data['2025-04'].sms, { ...zeroed, delivered: 1, sent: 1 });
    assert.deepEqual(data['2025-10'].email, { ...zeroed, 'permanent-failure': 1, cancelled: 1 });
    assert.deepEqual(data['2026-03'].sms, { ...zeroed, 'validation-failed': 1 });
    assert.equal((await ofTenant('notifications/monthly?year=2024')).data['2025-03'].sms.delivered, 1);
    const templates = (await ofTenant('notifications/templates/monthly?year=2025')).data;
    assert.deepEqual(templates['2025-05'], {});
    assert.equal(templates['2025-04'][tenant.templates.sms].type, 'sms');
    assert.deepEqual(templates['2025-04'][tenant.templates.sms].counts, { ...zeroed, delivered: 1, sent: 1 });
    const { stats } = await ofTenant('notifications/templates_usage/monthly?year=2025');
    assert.deepEqual(
      stats.map((one: any) => [one.template_id, one.year, one.month, one.count, one.is_precompiled_letter]),
      [
        [tenant.templates.sms, 2025, 4, 2, false],
        [tenant.templates.email, 2025, 10, 1, false],
        [tenant.templates.sms, 2026, 3, 1, false],
      ],
    );
  });

  test('the weeks since a service was made begin on Mondays, up to this one', async () => {
    await world.connection.pool.query(
      `update services set created_at = '2025-10-24T12:00:00Z' where id = $1`,
      [tenant.id],
    );
    const { data } = await ofTenant('notifications/weekly');
    const weeks = Object.keys(data);
    assert.deepEqual([weeks[0], weeks[1], weeks.at(-1)], ['2025-10-20', '2025-10-27', mondayOf(today)]);
    assert.deepEqual(data['2025-10-20'], { email: { requested: 1, delivered: 0, failed: 1 }, sms: zeros });
    assert.deepEqual(data[mondayOf(today)].sms, nowStatistics.sms);
  });

  test('days are told apart by type, template or type of key', async () => {
    const daily = async (by: string, from = '2025-04-01', to = '2026-03-31') =>
      (await ofTenant(`statistics/daily?from=${from}&to=${to}${by}`)).data;
    assert.deepEqual(await daily('', '2025-10-26', '2025-10-26'), [
      {
        ...{ day: '2025-10-26', notification_type: 'email', requested: 1, delivered: 0, failed: 1 },
        statuses: { cancelled: 1, 'permanent-failure': 1 },
      },
    ]);
    const templates = await daily('&by=template');
    assert.deepEqual(
      templates.map((one: any) => [one.day, one.template_id, one.requested]),
      [
        ['2025-04-01', tenant.templates.sms, 1],
        ['2025-04-30', tenant.templates.sms, 1],
        ['2025-10-26', tenant.templates.email, 1],
        ['2026-03-31', tenant.templates.sms, 1],
      ],
    );
    assert.ok(templates[0].template_name.length > 0);
    assert.deepEqual(
      (await daily('&by=key_type', today, today))
        .filter((one: any) => one.key_type === 'test')
        .map((one: any) => one.requested),
      [1],
    );
  });

  test('templates have their figures, their last message and when they were last used', async () => {
    const list = async (query: string) => (await ofTenant(`template-statistics${query}`)).data;
    const counts = (rows: any[]) => Object.fromEntries(rows.map((one) => [one.template_id, one.count]));
    assert.equal(counts(await list('?limit_days=7'))[tenant.templates.sms], 4);
    assert.equal(counts(await list(''))[tenant.templates.sms], 8);
    assert.deepEqual(
      (await list('?whole_days=7&by_status=True'))
        .filter((one: any) => one.template_id === tenant.templates.sms)
        .map((one: any) => [one.status, one.count]),
      [
        ['delivered', 3],
        ['permanent-failure', 1],
      ],
    );
    const { last_date_used: at } = await ofTenant(`template-statistics/last-used/${tenant.templates.sms}`);
    const { rows } = await world.connection.pool.query(
      `select id, created_at from notification_history where template_id = $1 and key_type <> 'test' order by id desc limit 1`,
      [tenant.templates.sms],
    );
    assert.equal(at, `${rows[0].created_at.toISOString().slice(0, -1)}000Z`);
    const { data: uses } = await ofTenant('template-statistics/last-used');
    assert.deepEqual(
      uses.filter((one: any) => one.template_id === tenant.templates.sms),
      [{ template_id: tenant.templates.sms, last_date_used: at }],
    );
    const { data } = await ofTenant(`template-statistics/${tenant.templates.sms}`);
    assert.deepEqual([data.id, data.to, data.personalisation], [rows[0].id, null, null]);
    const unused = await world.addTenant();
    const path = `/service/${unused.id}/template-statistics`;
    assert.deepEqual(await get(`${path}/last-used/${unused.templates.sms}`), { last_date_used: null });
    assert.deepEqual(await get(path), { data: [] });
  });

  test('operators see how much is sent and how fast, by day, provider and service', async () => {
    const figures = async (by: string) =>
      (await get(`/platform/figures?from=${today}&to=${today}&by=${by}`)).data;
    const [email, sms] = await figures('day');
    assert.deepEqual(
      [email.notification_type, email.requested, sms.requested, sms.test_keys, sms.units],
      ['email', 1, 4, 1, 4],
    );
    assert.deepEqual([sms.handed_over.count, sms.percentage_under_10_seconds], [4, 100]);
    assert.ok(sms.handed_over.p50 <= sms.handed_over.p95 && sms.handed_over.p95 <= sms.handed_over.p99);
    assert.equal(sms.delivered_after.count, 3);
    const [provider] = (await figures('provider')).filter((one: any) => one.notification_type === 'sms');
    assert.deepEqual([provider.requested, provider.handed_over.count], [4, 4]);
    const service = (await figures('service')).find(
      (one: any) => one.service_id === tenant.id && one.notification_type === 'sms',
    );
    assert.deepEqual([service.requested, service.delivered, service.failed], [4, 3, 1]);
  });

  test('the platform’s figures of GOV.UK Notify have its shapes', async () => {
    const stats = await get('/platform-stats');
    assert.deepEqual(stats.sms, {
      ...{ total: 4, 'test-key': 1 },
      failures: {
        'technical-failure': 0,
        'permanent-failure': 1,
        'temporary-failure': 0,
        'virus-scan-failed': 0,
      },
    });
    assert.equal(stats.letter.total, 0);
    const board = await get(`/performance-dashboard?start_date=${dayAfter(today, -1)}&end_date=${today}`);
    assert.equal(board.total_notifications, board.sms_notifications + board.email_notifications);
    assert.equal(board.sms_notifications, 8);
    assert.deepEqual(board.notifications_by_type, [
      { date: dayAfter(today, -1), emails: 0, sms: 0, letters: 0 },
      { date: today, emails: 1, sms: 4, letters: 0 },
    ]);
    assert.deepEqual(
      board.processing_time.map((one: any) => one.percentage_under_10_seconds),
      [100, 100],
    );
    assert.equal(board.live_service_count, board.services_using_notify.length);
    assert.ok(board.services_using_notify.some((one: any) => one.service_id === tenant.id));
    assert.deepEqual(await get('/platform-stats/daily-volumes-report'), [
      {
        ...{ day: today, sms_totals: 4, sms_fragment_totals: 4, sms_chargeable_units: 4, email_totals: 1 },
        ...{ letter_totals: 0, letter_sheet_totals: 0 },
      },
    ]);
    const [volume] = await get('/platform-stats/daily-sms-provider-volumes-report');
    assert.deepEqual([volume.day, volume.sms_totals, volume.sms_chargeable_units], [today, 4, 4]);
    const byService = await get('/platform-stats/volumes-by-service');
    const own = byService.find((one: any) => one.service_id === tenant.id);
    assert.deepEqual([own.sms_notifications, own.email_totals, own.sms_fragment_totals], [4, 1, 4]);
  });

  test('figures that have not changed are a 304', async () => {
    const path = `/service/${tenant.id}/notifications/monthly?year=2025`;
    const first = await world.admin('GET', path);
    assert.equal(first.status, 200);
    const etag = (first as unknown as { headers: Headers }).headers.get('etag');
    assert.ok(etag);
    assert.equal((await world.admin('GET', path, undefined, { 'If-None-Match': etag })).status, 304);
  });

  test('what cannot be read says why, in the words of the specification', async () => {
    const refused = async (path: string) => {
      const { status, body } = await world.admin('GET', path);
      return [status, body.message];
    };
    const path = `/service/${tenant.id}`;
    for (const year of ['', '?year=', '?year=abc', '?year=99999', '?year=20.5'])
      for (const route of ['notifications/monthly', 'notifications/templates/monthly'])
        assert.deepEqual(await refused(`${path}/${route}${year}`), [400, 'Year must be a number'], year);
    const missing = `/service/${randomUUID()}`;
    for (const route of ['monthly?year=2026', 'templates/monthly?year=2026', 'weekly'])
      assert.deepEqual(await refused(`${missing}/notifications/${route}`), [404, 'No result found']);
    assert.deepEqual(await refused(`${path}/template-statistics?limit_days=x`), [
      400,
      { limit_days: ['x is not an integer'] },
    ]);
    assert.deepEqual(await refused(`${path}/template-statistics?whole_days=8`), [
      400,
      { whole_days: ['whole_days must be between 0 and 7'] },
    ]);
    const unknown = randomUUID();
    for (const id of [unknown, 'none'])
      assert.deepEqual(await refused(`${path}/template-statistics/${id}`), [
        404,
        { template_id: [`No template found for id ${id}`] },
      ]);
    assert.deepEqual(await refused(`${path}/template-statistics/last-used/${unknown}`), [
      404,
      'No result found',
    ]);
    assert.deepEqual(await refused('/platform-stats?start_date=1-2-2026'), [
      400,
      'Input must be a date in the format: YYYY-MM-DD',
    ]);
    assert.deepEqual(await refused('/platform-stats?start_date=2026-02-02&end_date=2026-02-01'), [
      400,
      'Start date must be before end date',
    ]);
    assert.deepEqual(
      await refused('/platform-stats/daily-volumes-report?start_date=2026-03-31&end_date=2026-04-01'),
      [400, 'Date must be in a single financial year.'],
    );
    assert.deepEqual(await refused(`/platform/figures?from=2026-01-01&to=2026-03-01&by=service`), [
      400,
      { to: ['At most 31 days at once.'] },
    ]);
  });

  test('a person needs view_activity to see figures of a service, and is an operator to see the platform’s', async () => {
    const { db } = world.connection;
    const member = randomUUID();
    await addUser(db, { id: member, name: 'Kim', emailAddress: 'kim.figures@example.com', state: 'active' });
    await addTeamMember(db, tenant.id, member);
    const as = async (path: string) =>
      (await world.admin('GET', path, undefined, { 'X-Notify-User-Id': member })).status;
    assert.equal(await as(`/service/${tenant.id}`), 200);
    for (const path of [
      `/service/${tenant.id}?detailed=True`,
      `/service/${tenant.id}/statistics`,
      `/service/${tenant.id}/template-statistics`,
      `/platform/figures?from=${today}&to=${today}`,
      '/performance-dashboard',
    ])
      assert.equal(await as(path), 403, path);
  });
});
