import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { dayAfter, dayOf } from '../../src/ground/clock.ts';
import { rebuildDay } from '../../src/statistics/totals/store-recount.ts';
import { addUser } from '../../src/tenant/user/store.ts';
import { startJob, tideRows } from '../support/jobs.ts';
import { storeMessages } from '../support/messages.ts';
import type { Tenant } from '../support/tenant.ts';
import { createWorld, type World } from '../support/world.ts';

type Past = readonly [at: string, fragments: number, more?: { multiplier?: number; status?: string }];

describe('what a service pays', () => {
  let world: World;

  async function get(path: string): Promise<any> {
    const { status, body } = await world.admin('GET', path);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }
  async function post(path: string, body: object, expected = 200): Promise<any> {
    const answer = await world.admin('POST', path, body);
    assert.equal(answer.status, expected, JSON.stringify(answer.body));
    return answer.body;
  }
  const today = () => dayOf(world.clock.now());
  const setFree = (tenant: Tenant, units: number, year: number) =>
    post(
      `/service/${tenant.id}/billing/free-sms-fragment-limit`,
      { free_sms_fragment_limit: units, financial_year_start: year },
      201,
    );
  const costs = (tenant: Tenant, from: string, to: string, by: string) =>
    get(`/service/${tenant.id}/costs?from=${from}&to=${to}&by=${by}`);

  /** Texts of the past that a provider took. */
  async function store(tenant: Tenant, texts: readonly Past[]): Promise<string[]> {
    const ids = await storeMessages(
      world,
      tenant,
      texts.map(([at, , more]) => ({
        ...{ status: (more?.status ?? 'delivered') as 'delivered', createdAt: Date.parse(at) },
      })),
    );
    for (const [index, [at, fragments, more]] of texts.entries()) {
      const multiplier = more?.multiplier ?? 1;
      await world.connection.pool.query(
        `update notification_history set billable_units = $2, rate_multiplier = $3, international = $4, sent_by = 'sandbox'
         where id = $1 and created_at = $5`,
        [ids[index], fragments, multiplier, multiplier > 1, new Date(at)],
      );
    }
    for (const day of new Set(texts.map(([at]) => dayOf(Date.parse(at)))))
      await rebuildDay(world.connection.db, day);
    return ids;
  }

  describe('for the past', () => {
    // Nothing else looks at messages while days of the past are made.
    before(async () => {
      world = await createWorld({ roles: ['api'] });
    });
    after(() => world.stop());

    test('money follows London days: financial years, a rate that changes in summer, both clock changes, a leap day', async () => {
      const tenant = await world.addTenant();
      for (const year of [2021, 2022, 2023, 2024]) await setFree(tenant, 0, year);
      await store(tenant, [
        // The end of a financial year, which is in summer time already.
        ['2022-03-31T22:59:59.999Z', 1],
        ['2022-03-31T23:00:00Z', 2],
        // The rate changes at midnight in London, in summer.
        ['2022-04-30T22:59:59.999Z', 4],
        ['2022-04-30T23:00:00Z', 8],
        // The days on which the clocks go back and forward, at both ends.
        ['2022-10-29T23:00:00Z', 16],
        ['2022-10-30T23:59:59.999Z', 32],
        ['2023-03-26T00:00:00Z', 64],
        ['2023-03-26T22:59:59.999Z', 128],
        ['2024-02-29T12:00:00Z', 256],
      ]);
      const year = await costs(tenant, '2022-04-01', '2023-03-31', 'day');
      assert.deepEqual(
        year.data.map((one: any) => [one.day, one.units, one.cost_in_pounds]),
        [
          ['2022-04-01', 2, 0.0322],
          ['2022-04-30', 4, 0.0644],
          ['2022-05-01', 8, 0.1376],
          ['2022-10-30', 48, 0.8256],
          ['2023-03-26', 192, 3.3024],
        ],
      );
      assert.deepEqual(year.rates, [
        { from: '2022-04-01', to: '2022-04-30', rate: 0.0161 },
        { from: '2022-05-01', to: '2023-03-31', rate: 0.0172 },
      ]);
      assert.equal(year.total.cost_in_pounds, 4.3622);
      const months = (await costs(tenant, '2022-04-01', '2023-03-31', 'month')).data;
      assert.deepEqual(
        months.map((one: any) => [one.month, one.messages, one.fragments]),
        [
          ['2022-04', 2, 6],
          ['2022-05', 1, 8],
          ['2022-10', 2, 48],
          ['2023-03', 2, 192],
        ],
      );
      assert.equal((await costs(tenant, '2022-03-31', '2022-03-31', 'type')).data[0].cost_in_pounds, 0.016);
      assert.equal((await costs(tenant, '2024-02-29', '2024-02-29', 'month')).data[0].month, '2024-02');
    });

    test('the allowance of a financial year is used up by day, however costs are divided, and begins anew', async () => {
      const tenant = await world.addTenant();
      await setFree(tenant, 10, 2024);
      await setFree(tenant, 7, 2025);
      await store(tenant, [
        ['2025-03-01T12:00:00Z', 4],
        ['2025-03-31T12:00:00Z', 9],
        ['2025-04-01T12:00:00Z', 2],
        ['2025-04-02T12:00:00Z', 2, { multiplier: 3, status: 'temporary-failure' }],
        ['2025-04-03T12:00:00Z', 1, { status: 'technical-failure' }],
        ['2025-05-01T12:00:00Z', 3, { status: 'sent' }],
      ]);
      const shown = async (by: string, from = '2025-03-31', to = '2025-05-31') => {
        const { data, total } = await costs(tenant, from, to, by);
        assert.equal(total.cost_in_pounds, 0.1613, by);
        assert.equal(total.free_units + total.charged_units, total.units, by);
        return data.map((one: any) => [one.units, one.free_units, one.charged_units, one.cost_in_pounds]);
      };
      assert.deepEqual(await shown('day'), [
        [9, 6, 3, 0.0681],
        [2, 2, 0, 0],
        [6, 5, 1, 0.0233],
        [3, 0, 3, 0.0699],
      ]);
      assert.deepEqual(await shown('month'), [
        [9, 6, 3, 0.0681],
        [8, 7, 1, 0.0233],
        [3, 0, 3, 0.0699],
      ]);
      assert.deepEqual(await shown('type'), [[20, 13, 7, 0.1613]]);
      assert.deepEqual(await shown('template'), [[20, 13, 7, 0.1613]]);
      const { allowances } = await costs(tenant, '2025-03-31', '2025-04-02', 'type');
      assert.deepEqual(allowances, [
        { financial_year_start: 2024, free_units: 10, used_units: 10, left_units: 0 },
        { financial_year_start: 2025, free_units: 7, used_units: 7, left_units: 0 },
      ]);
      const billing = await get(`/service/${tenant.id}/billing/monthly-usage?year=2025`);
      assert.deepEqual(billing, [
        {
          ...{ month: 'April', notification_type: 'sms', chargeable_units: 8, notifications_sent: 2 },
          ...{ rate: 0.0233, postage: 'none', cost: 0.0233, free_allowance_used: 7, charged_units: 1 },
        },
        {
          ...{ month: 'May', notification_type: 'sms', chargeable_units: 3, notifications_sent: 1 },
          ...{ rate: 0.0233, postage: 'none', cost: 0.0699, free_allowance_used: 0, charged_units: 3 },
        },
      ]);
      assert.deepEqual(await get(`/service/${tenant.id}/billing/yearly-usage-summary?year=2025`), [
        {
          ...{ notification_type: 'sms', chargeable_units: 11, notifications_sent: 3, rate: 0.0233 },
          ...{ cost: 0.0932, free_allowance_used: 7, charged_units: 4 },
        },
      ]);
      // Those of 2017 count what failed for technical reasons as well.
      const of2017 = (path: string) => get(`/service/${tenant.id}/${path}`);
      assert.deepEqual(await of2017('billable-units?year=2025'), { April: 5, May: 3 });
      const text = { notification_type: 'sms', rate: 0.0233 };
      const emails = {
        ...{ credits: 0, billing_units: 0, rate_multiplier: 1, notification_type: 'email' },
        ...{ international: false, rate: 0 },
      };
      assert.deepEqual(await of2017('yearly-usage?year=2025'), [
        { credits: 6, billing_units: 6, rate_multiplier: 1, international: false, ...text },
        { credits: 6, billing_units: 2, rate_multiplier: 3, international: true, ...text },
        emails,
      ]);
      assert.deepEqual(await of2017('monthly-usage?year=2025'), [
        { month: 'April', billing_units: 3, rate_multiplier: 1, international: false, ...text },
        { month: 'April', billing_units: 2, rate_multiplier: 3, international: true, ...text },
        { month: 'May', billing_units: 3, rate_multiplier: 1, international: false, ...text },
      ]);
      assert.deepEqual(await of2017('fragment/aggregate_statistics?year=2025'), {
        data: { sms_count: 8, email_count: 0 },
      });
      assert.deepEqual((await of2017('fragment/aggregate_statistics')).data, {
        sms_count: 21,
        email_count: 0,
      });
      const [zero, none] = await of2017('yearly-usage?year=2023');
      assert.deepEqual(
        [zero, none],
        [
          {
            ...{ credits: 0, billing_units: 0, rate_multiplier: 1, notification_type: 'sms' },
            ...{ international: false, rate: 0.0197 },
          },
          emails,
        ],
      );
      assert.deepEqual(await of2017('monthly-usage?year=2023'), []);
      const report = await get(
        '/platform-stats/data-for-billing-report?start_date=2025-04-02&end_date=2025-05-31',
      );
      assert.deepEqual(
        report.filter((one: any) => one.service_id === tenant.id),
        [
          {
            ...{ organisation_id: null, organisation_name: null, service_id: tenant.id },
            service_name: report.find((one: any) => one.service_id === tenant.id).service_name,
            ...{ sms_cost: 0.0932, sms_chargeable_units: 4 },
            ...{ total_letters: 0, letter_cost: 0, letter_breakdown: '' },
          },
        ],
      );
      const volumes = await get(
        '/platform-stats/volumes-by-service?start_date=2025-04-02&end_date=2025-05-31',
      );
      assert.equal(volumes.find((one: any) => one.service_id === tenant.id).free_allowance, 7);
    });

    test('a receipt after the end of a month changes what that month cost', async () => {
      const tenant = await world.addTenant();
      await setFree(tenant, 0, 2023);
      const [id] = await store(tenant, [['2023-08-31T22:59:59Z', 5, { status: 'sent' }]]);
      const august = async () => (await costs(tenant, '2023-08-01', '2023-08-31', 'month')).total;
      assert.equal((await august()).cost_in_pounds, 0.0985);
      await world.connection.pool.query(
        `update notification_history set status = 'technical-failure' where id = $1`,
        [id],
      );
      await rebuildDay(world.connection.db, '2023-08-31');
      assert.deepEqual([(await august()).cost_in_pounds, (await august()).units], [0, 0]);
      assert.equal((await costs(tenant, '2023-09-01', '2023-09-30', 'month')).data.length, 0);
    });

    test('days of which no rate is known are named, and have no price', async () => {
      const tenant = await world.addTenant();
      await setFree(tenant, 1, 2015);
      await setFree(tenant, 0, 2016);
      await store(tenant, [
        ['2016-03-30T12:00:00Z', 1],
        ['2016-05-16T12:00:00Z', 2],
        ['2016-05-17T12:00:00Z', 3],
        ['2016-05-18T12:00:00Z', 4],
      ]);
      const { data, total, rate_missing, rates } = await costs(tenant, '2016-03-01', '2016-05-31', 'day');
      assert.deepEqual(
        data.map((one: any) => [one.day, one.cost_in_pounds, one.full_cost_in_pounds]),
        [
          ['2016-03-30', 0, null],
          ['2016-05-16', null, null],
          ['2016-05-17', null, null],
          ['2016-05-18', 0.066, 0.066],
        ],
      );
      assert.equal(total.cost_in_pounds, null);
      assert.deepEqual(rate_missing, [{ from: '2016-05-16', to: '2016-05-17' }]);
      assert.equal(rates[0].rate, null);
      const [april] = await get(`/service/${tenant.id}/billing/monthly-usage?year=2016`);
      assert.deepEqual([april.month, april.rate, april.cost], ['May', null, null]);
    });
  });

  describe('now', () => {
    before(async () => {
      world = await createWorld();
    });
    after(() => world.stop());

    test('what is sent now has a price by template, job and type, and a month a forecast', async () => {
      const tenant = await world.addTenant();
      const free = await get(`/service/${tenant.id}/billing/free-sms-fragment-limit`);
      assert.equal(free.free_sms_fragment_limit, 250_000);
      await setFree(tenant, 1, free.financial_year_start);
      const job = await startJob(world, tenant, tideRows(3));
      await world.call('POST', '/v2/notifications/email', {
        key: tenant.keys.normal,
        body: {
          template_id: tenant.templates.email,
          email_address: 'rowan@example.com',
          personalisation: { name: 'Ada', time: '1' },
        },
      });
      await world.drain();
      const [{ rate }] = (await get('/platform/rates')).data.filter((one: any) => one.valid_from <= today());
      const price = (units: number) => Number((units * rate).toFixed(6));
      const of = async (by: string) => (await costs(tenant, dayAfter(today(), -1), today(), by)).data;
      assert.deepEqual(
        (await of('type')).map((one: any) => [one.notification_type, one.messages, one.cost_in_pounds]),
        [
          ['email', 1, 0],
          ['sms', 3, price(2)],
        ],
      );
      const [text, email] = await of('template');
      assert.deepEqual(
        [text.template_id, text.free_units, text.charged_units, text.cost_in_pounds, email.template_id],
        [tenant.templates.sms, 1, 2, price(2), tenant.templates.email],
      );
      const [ofJob] = await of('job');
      assert.deepEqual(
        [ofJob.job_id, ofJob.messages, ofJob.units, ofJob.cost_in_pounds, ofJob.full_cost_in_pounds],
        [job, 3, 3, null, price(3)],
      );
      // The tasks fold what has changed; the figures stay.
      assert.equal((await of('job'))[0].units, 3);
      const { forecast } = await costs(tenant, today(), today(), 'day');
      assert.deepEqual(forecast, {
        ...{ month: today().slice(0, 7), units: 3, charged_units: 2, cost_in_pounds: price(2) },
      });
      assert.equal((await costs(tenant, '2020-01-01', '2020-01-31', 'day')).forecast, null);
      const figures = (await get(`/platform/figures?from=${today()}&to=${today()}&by=service`)).data;
      const own = figures.find((one: any) => one.service_id === tenant.id && one.notification_type === 'sms');
      assert.deepEqual([own.units, own.cost_in_pounds], [3, price(3)]);
      const [byProvider] = await get('/platform-stats/daily-sms-provider-volumes-report');
      assert.equal(byProvider.sms_cost, price(byProvider.sms_chargeable_units));
    });

    test('an allowance goes on in later years; what is set for one that is over changes none of them', async () => {
      const tenant = await world.addTenant();
      const path = `/service/${tenant.id}/billing/free-sms-fragment-limit`;
      const { financial_year_start: year } = await get(path);
      const of = async (year: number) =>
        (await get(`${path}?financial_year_start=${year}`)).free_sms_fragment_limit;
      await setFree(tenant, 30, year - 1);
      assert.deepEqual([await of(year - 2), await of(year - 1), await of(year)], [250_000, 30, 250_000]);
      await setFree(tenant, 40, year + 1);
      await post(path, { free_sms_fragment_limit: 50 }, 201);
      assert.deepEqual(
        [await of(year - 1), await of(year), await of(year + 1), await of(year + 9)],
        [30, 50, 50, 50],
      );
      const { events } = await get(`/events?service_id=${tenant.id}&type=update_free_sms_fragment_limit`);
      assert.deepEqual(events[0].data, {
        before: { free_sms_fragment_limit: 250_000, financial_year_start: year },
        after: { free_sms_fragment_limit: 50, financial_year_start: year },
      });
    });

    test('operators say what texts will cost, and change it until that day; what has applied stays', async () => {
      const from = dayAfter(today(), 400);
      const { data } = await post(
        '/platform/rates',
        { valid_from: from, rate: 0.025001, reason: 'Contract' },
        201,
      );
      assert.deepEqual([data.valid_from, data.rate, data.reason], [from, 0.025001, 'Contract']);
      const again = await world.admin('POST', '/platform/rates', { valid_from: from, rate: 1 });
      assert.deepEqual(again.body.message, {
        valid_from: [`There is a rate from ${from} on already: change that one.`],
      });
      const changed = await post(`/platform/rates/${data.id}`, { rate: 0.03 });
      assert.deepEqual([changed.data.rate, changed.data.reason], [0.03, 'Contract']);
      const { data: all } = await get('/platform/rates');
      assert.deepEqual([all[0].id, all.at(-1).valid_from, all.at(-1).rate], [data.id, '2016-05-18', 0.0165]);
      const { events } = await get('/events?type=update_rate');
      assert.deepEqual(events[0].data, { before: { rate: 0.025001 }, after: { rate: 0.03 } });
      const past = await world.admin('POST', `/platform/rates/${all.at(-1).id}`, { rate: 1 });
      assert.deepEqual(
        [past.status, past.body.message],
        [400, 'The rate of 2016-05-18 has applied since then: add a rate from a later day on instead'],
      );
    });

    /** Asks for a task and waits until it has run. */
    async function run(name: string) {
      const task = async () => (await get('/platform/tasks')).tasks.find((one: any) => one.name === name);
      // The first run of a new installation may be under way.
      const isDone = (one: any) => one.last_succeeded_at !== null;
      const { last_succeeded_at: before } = await world.until(task, isDone, 60);
      await world.admin('POST', `/platform/tasks/${name}/run`);
      await world.until(task, (one: any) => one.last_succeeded_at !== before, 60);
    }

    test('what services have free is written down for the year, once, and goes on from the year before', async () => {
      const [plain, own] = [await world.addTenant(), await world.addTenant()];
      const { financial_year_start: year } = await get(
        `/service/${plain.id}/billing/free-sms-fragment-limit`,
      );
      await setFree(own, 30, year - 1);
      await world.connection.pool.query('delete from free_allowances where service_id = $1 and year = $2', [
        own.id,
        year,
      ]);
      const written = async (tenant: Tenant) =>
        (
          await world.connection.pool.query(
            'select year, units from free_allowances where service_id = $1 order by year',
            [tenant.id],
          )
        ).rows;
      for (const _time of ['first', 'again']) {
        await run('run-populate-annual-billing');
        assert.deepEqual(await written(plain), [
          { year: year - 1, units: 250_000 },
          { year, units: 250_000 },
        ]);
        assert.deepEqual(await written(own), [
          { year: year - 1, units: 30 },
          { year, units: 30 },
        ]);
      }
    });

    describe('and is told of', () => {
      async function member(
        serviceId: string,
        permissions: string[],
        state: 'active' | 'pending' = 'active',
      ) {
        const id = randomUUID();
        const address = `${id}@example.com`;
        await addUser(world.connection.db, { id, name: 'Rowan', emailAddress: address, state });
        await world.connection.db
          .insertInto('service_users')
          .values({ service_id: serviceId, user_id: id, permissions })
          .execute();
        return address;
      }
      async function inbox(to: string): Promise<any[]> {
        await world.drain();
        const { messages } = await world.sandbox(`/messages?to=${encodeURIComponent(to)}`);
        return messages.filter((message: any) => message.to === to);
      }
      test('everybody who manages the service gets one email at an amount, and one more at another', async (t) => {
        const tenant = await world.addTenant();
        const managers = [
          await member(tenant.id, ['manage_settings']),
          await member(tenant.id, ['view_activity', 'manage_settings']),
        ];
        const others = [
          await member(tenant.id, ['view_activity']),
          await member(tenant.id, ['manage_settings'], 'pending'),
        ];
        const { financial_year_start: year } = await get(
          `/service/${tenant.id}/billing/free-sms-fragment-limit`,
        );
        await setFree(tenant, 0, year);
        const path = `/service/${tenant.id}/cost-alerts`;
        const set = (period: string, amount: number | null) =>
          post(path, { period, amount_in_pounds: amount });
        assert.deepEqual((await set('month', 0.01)).data.length, 1);
        await set('year', 1_000_000);
        await run('tell-of-costs');
        assert.equal((await inbox(managers[0]!)).length, 0);
        await startJob(world, tenant, tideRows(2));
        await world.drain();
        // However many schedulers look, and however often.
        const other = await world.startMore({ roles: ['scheduler'] });
        t.after(() => other.stop());
        await run('tell-of-costs');
        await run('tell-of-costs');
        for (const address of managers) {
          const found = await inbox(address);
          assert.equal(found.length, 1);
          assert.match(found[0].subject, /has reached £0\.01$/);
          assert.match(JSON.stringify(found[0]), /have cost \W?£0\.\d\d in /);
        }
        for (const address of others) assert.equal((await inbox(address)).length, 0);
        const { data } = await get(path);
        assert.deepEqual(
          data.map((one: any) => [one.period, one.amount_in_pounds, one.told_at !== null]),
          [
            ['month', 0.01, true],
            ['year', 1_000_000, false],
          ],
        );
        await set('year', 0.02);
        await set('month', null);
        await run('tell-of-costs');
        const found = await inbox(managers[0]!);
        assert.equal(found.length, 2);
        assert.ok(found.some((one) => /the financial year \d{4} to \d{4}/.test(JSON.stringify(one))));
        const { events } = await get(`/events?service_id=${tenant.id}&type=set_cost_alert`);
        assert.deepEqual(events[0].data, {
          before: { period: 'month', amount_in_pounds: 0.01 },
          after: { period: 'month', amount_in_pounds: null },
        });
      });

      test('as long as nobody can be told, nobody counts as told', async () => {
        const tenant = await world.addTenant();
        const { financial_year_start: year } = await get(
          `/service/${tenant.id}/billing/free-sms-fragment-limit`,
        );
        await setFree(tenant, 0, year);
        await post(`/service/${tenant.id}/cost-alerts`, { period: 'month', amount_in_pounds: 0.01 });
        await startJob(world, tenant, tideRows(1));
        await world.drain();
        await run('tell-of-costs');
        const address = await member(tenant.id, ['manage_settings']);
        await run('tell-of-costs');
        assert.equal((await inbox(address)).length, 1);
      });
    });
  });
});
