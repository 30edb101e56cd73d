import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { announceChange } from '../../src/database/cache.ts';
import { createWebWorld, everyPermission, type Visitor, type WebWorld } from '../support/web.ts';
import { fillUsage } from './fill-usage.ts';

const hostile = `<img src=x onerror=alert(1)>"'&`;
const shownHostile = '&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;';

suite('usage (spec 07, section 6)', () => {
  let world: WebWorld;
  let base: string;
  let reader: Visitor;
  before(async () => {
    world = await createWebWorld();
    base = `/services/${world.tenant.id}/usage`;
    reader = await world.person(everyPermission);
    const template = `/service/${world.tenant.id}/template/${world.tenant.templates.sms}`;
    assert.equal((await world.admin('POST', template, { name: hostile })).status, 200);
  });
  after(() => world?.stop());

  test('a service that has sent nothing is told so', async () => {
    const { status, text } = await reader.get(base);
    assert.equal(status, 200);
    assert.match(text, /will cost nothing: no texts are being sent/);
    assert.match(text, /No template was used in this year/);
  });

  test('one page says what this month will cost, by month, template and file', async () => {
    await fillUsage(world);
    const seen = await world.until(
      () => reader.get(base),
      ({ text }) => /will cost about £/.test(text),
    );
    assert.match(
      seen.text,
      /5 text messages of 5 fragments, and 1 email, which cost nothing\. All 2 free fragments are used/,
    );
    assert.match(seen.text, /Fragments by month/);
    assert.ok(seen.text.includes(shownHostile));
    assert.ok(!seen.text.includes('<img src=x'));
    assert.match(seen.text, /No file was sent in this year/);
    const months = await reader.get(`${base}/download`);
    assert.match(months.headers.get('content-disposition') ?? '', /usage-\d{4}-months\.csv/);
    assert.match(months.text, /,5,5,5,2,3,0\.0\d+,1\r\n/);
    const templates = await reader.get(`${base}/download?by=template`);
    assert.match(templates.text, /^\ufeff?Template,Id,Type,Messages/);
    assert.match(
      (await reader.get(`${base}?year=2020`)).text,
      /2020 to 2021 has cost £0\.00: 0 text messages/,
    );
    assert.match((await reader.get(`${base}?year=9999`)).text, /will cost about £/);
  });

  test('people are told at an amount in a month and in a year, until that is taken back', async () => {
    const wrong = await reader.submit(`${base}/alert`, { month: 'a lot', year: '-1' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.title, /^Error: /);
    assert.match(wrong.text, /value="a lot"/);
    const saved = await reader.submit(`${base}/alert`, { month: '£1,250.50', year: '' });
    assert.equal(saved.location, base);
    const after = await reader.follow(saved);
    assert.match(after.text, /The amounts are saved/);
    assert.match(after.text, /get an email at £1,250\.50 in a month\./);
    assert.match((await reader.get(`${base}/alert`)).text, /value="1250\.50"/);
    const none = await reader.follow(await reader.submit(`${base}/alert`, { month: '', year: '' }));
    assert.match(none.text, /Nobody is told when costs rise/);
  });

  test('a period without a rate is named', async () => {
    await world.connection.pool.query(
      `update unit_rates set valid_from = '2100-01-01' where valid_from = (select max(valid_from) from unit_rates)`,
    );
    await world.connection.pool.query(`delete from unit_rates where valid_from < '2100-01-01'`);
    await announceChange(world.connection.db, 'unit rates', 'sms');
    await world.until(
      () => reader.get(base),
      ({ text }) => /No rate is set for/.test(text) && /is not known, because a rate is missing/.test(text),
    );
  });

  test('usage of another service is not found, and a missing permission is named', async () => {
    const other = await world.addTenant();
    const stranger = await world.person(everyPermission, other.id);
    const viewer = await world.person(['view_activity', 'manage_api_keys']);
    for (const path of ['', '/download', '/alert']) {
      assert.equal((await stranger.get(base + path)).status, 404, path);
      const refused = await viewer.get(base + path);
      assert.equal(refused.status, 403, path);
      assert.match(refused.text, /Manage settings and usage/);
    }
  });
});
