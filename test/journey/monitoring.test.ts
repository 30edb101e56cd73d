import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { registerCallback } from '../support/callback-receiver.ts';
import { documentedMetrics } from '../support/documented-metrics.ts';
import { createSuppliedWorld, sendThrough } from '../support/supplied.ts';

const folder = join(import.meta.dirname, '../../docs/monitoring');
const run = promisify(execFile);

type Rule = { alert: string; expr: string; labels: object; annotations: object };
type Panel = {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; legendFormat: string }[];
};
const { groups } = parse(readFileSync(join(folder, 'alerts.yml'), 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync(join(folder, 'dashboard.json'), 'utf8')) as { panels: Panel[] };
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? []);

/** What Prometheus itself knows, and the disk, which only an installation with the embedded database shows. */
const elsewhere = ['up', 'despatch_disk_free_bytes', 'despatch_disk_bytes'];

/** The names of metrics in a PromQL expression: what is left without labels, groupings, functions and operators. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/\{[^}]*\}|\[[^\]]*\]|"[^"]*"/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .replace(/\b\w+\s*\(/g, ' (')
    .replace(/\b(and|or|unless|bool|offset)\b/g, ' ');
  // What is left of `offset 10m` begins with a digit.
  return (bare.match(/[\w:]+/g) ?? []).filter((word) => /^[a-z]/.test(word) && !aggregations.has(word));
}
/** Written before `by`, so without a bracket of their own once that is taken out. */
const aggregations = new Set(['sum', 'max', 'min', 'avg', 'count']);

/** The names in the tables of docs/operations.md, as they are at `/metrics`. */
const documented = documentedMetrics().map(({ name, isStat }) => {
  const parts = name.split(/<[^>]+>/).map((part) => part.replace(/[.-]/g, '_'));
  return new RegExp(
    isStat ? `^despatch_${parts.join('\\w+')}_(total|milliseconds)$` : `^${parts.join('\\w+')}$`,
  );
});

describe('docs/monitoring', () => {
  test('every metric of the alerts and the dashboard is shown at /metrics after a text and an email, and all that is shown is documented', async (t) => {
    const { world, told } = await createSuppliedWorld(t, {
      MMG_INBOUND_SMS_USERNAME: 'in',
      MMG_INBOUND_SMS_AUTH: 'pass',
    });
    const scheduler = await world.startMore({ roles: ['scheduler'] });
    t.after(() => scheduler.stop());
    await registerCallback(world, world.tenant, told.url);
    await receiveText();
    await sendThrough(world, told);
    const shown = async () => {
      const text = await (await fetch(`${world.api}/metrics`)).text();
      return new Set([...text.matchAll(/^([a-z_]\w*)(?:\{.*\})? \S+$/gm)].map(([, name]) => name!));
    };
    const used = new Set([...rules, ...targets].flatMap(({ expr }) => metricsIn(expr)));
    assert.ok(used.size > 30, [...used].join(' '));
    const missing = (names: Set<string>) =>
      [...used].filter((name) => !names.has(name) && !elsewhere.includes(name));
    // A task's duration is observed after its record, which the test has seen.
    await world.until(
      async () => missing(await shown()),
      (names) => names.length === 0,
    );
    const text = await (await fetch(`${world.api}/metrics`)).text();
    const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!);
    assert.deepEqual(
      families.filter((name) => !documented.some((pattern) => pattern.test(name))),
      [],
      'in no table of docs/operations.md',
    );

    async function receiveText() {
      const text = {
        Message: 'Hello',
        Number: '07700900456',
        MSISDN: '447700900123',
        DateRecieved: '',
        ID: '1',
      };
      const { body } = await world.admin('POST', '/inbound-number', {
        provider: 'mmg',
        numbers: [text.Number],
      });
      const give = { inbound_number_id: body.data[0].id };
      const given = await world.admin('POST', `/inbound-number/service/${world.tenant.id}`, give);
      assert.equal(given.status, 200);
      const headers = { Authorization: `Basic ${Buffer.from('in:pass').toString('base64')}` };
      const { status } = await world.call('POST', '/notifications/sms/receive/mmg', {
        ...{ key: null, body: text, headers },
      });
      assert.equal(status, 200);
    }
  });

  test('every alert has a name of its own, a severity, a summary and what to do', () => {
    assert.deepEqual([...new Set(rules.map(({ alert }) => alert))].length, rules.length);
    for (const { alert, labels, annotations } of rules) {
      assert.match(alert, /^Despatch[A-Z]\w+$/);
      assert.ok(['page', 'ticket'].includes((labels as { severity: string }).severity), alert);
      assert.deepEqual(Object.keys(annotations), ['summary', 'description'], alert);
    }
  });

  test('every panel of the dashboard has an id and a place of its own, and a legend for each line', () => {
    const { panels } = dashboard;
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length);
    for (const { type, title, targets: own } of panels)
      if (type !== 'row')
        assert.ok(own?.length && own.every(({ legendFormat }) => legendFormat !== ''), title);
  });

  test('promtool accepts the alerts, and each fires in its case and not in the others', async (t) => {
    const promtool = (...args: string[]) => run('promtool', args, { cwd: folder });
    const version = await promtool('--version').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (!version) return t.skip('promtool is not installed: apt-get install prometheus');
    assert.match((await promtool('check', 'rules', 'alerts.yml')).stdout, /SUCCESS/);
    await promtool('test', 'rules', 'alerts.test.yml');
  });
});
