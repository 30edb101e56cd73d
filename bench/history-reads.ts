import { signToken } from '../src/cli/client.ts';
import { dayAfter, dayOf } from '../src/ground/clock.ts';
import { type Loaded, rareStatus } from './history-load.ts';
import { Wire } from './load.ts';
import { quantile } from './scenario.ts';

const warmUps = 3;

/** `none`: what the machine itself takes. `key`: with the service's key; else with the admin client's token. */
type Read = Readonly<{
  group: 'none' | 'figures' | 'lists' | 'rare' | 'admin';
  name: string;
  path: string;
  key?: true;
}>;

export type Reading = Readonly<{
  group: Read['group'];
  read: string;
  p50_ms: number;
  p95_ms: number;
  max_ms: number;
  /** CPU of one read, of the API and PostgreSQL: steadier than the clock. */
  cpu_ms: number;
  bytes: number;
}>;

/** What people and programs look at, of the largest service and of the platform. */
export function readsOf({ serviceId, reference, recipient }: Loaded, now: number): readonly Read[] {
  const today = dayOf(now);
  const ago = (days: number) => dayAfter(today, -days);
  const service = `/service/${serviceId}`;
  const period = (days: number) => `from=${ago(days)}&to=${today}`;
  // The financial year that is over, or the one in which most of the messages are.
  const year = Number(ago(180).slice(0, 4)) - (ago(180).slice(5) < '04-01' ? 1 : 0);
  const figures = {
    daily: `${service}/statistics/daily?${period(89)}`,
    daily_by_template: `${service}/statistics/daily?${period(89)}&by=template`,
    monthly: `${service}/notifications/monthly?year=${year}`,
    monthly_by_template: `${service}/notifications/templates_usage/monthly?year=${year}`,
    weekly: `${service}/notifications/weekly`,
    templates_of_week: `${service}/template-statistics?limit_days=7`,
    templates_of_all_time: `${service}/template-statistics`,
    service_today: `${service}?detailed=True&today_only=True`,
    platform_by_day: `/platform/figures?${period(89)}`,
    platform_by_provider: `/platform/figures?${period(89)}&by=provider`,
    platform_by_service: `/platform/figures?${period(30)}&by=service`,
    platform_stats: `/platform-stats?start_date=${ago(365)}&end_date=${today}`,
    performance: `/performance-dashboard?start_date=${ago(7)}&end_date=${today}`,
  };
  const list = '/v2/notifications';
  const lists = {
    newest: list,
    delivered: `${list}?status=delivered`,
    failed: `${list}?status=failed`,
    texts: `${list}?template_type=sms`,
    emails: `${list}?template_type=email`,
    reference: `${list}?reference=${reference}`,
    with_jobs: `${list}?include_jobs=true`,
    failed_emails_with_jobs: `${list}?include_jobs=true&status=failed&template_type=email`,
  };
  const rare = {
    rare_status: `${list}?status=${rareStatus}&include_jobs=true`,
    no_such_status: `${list}?status=pending&include_jobs=true`,
    unfinished: `${list}?status=accepted`,
  };
  const admin = {
    admin_list: `${service}/notifications?page_size=250`,
    admin_failed: `${service}/notifications?page_size=250&status=failed`,
    admin_rare_status: `${service}/notifications?page_size=250&status=${rareStatus}`,
    admin_recipient: `${service}/notifications?to=${recipient}`,
    admin_end_of_recipient: `${service}/notifications?to=${recipient.slice(-6)}`,
    admin_reference: `${service}/notifications?client_reference=${reference}`,
    platform_find: `/platform/find?q=${recipient}`,
  };
  const of = (group: Read['group'], paths: Readonly<Record<string, string>>, key?: true) =>
    Object.entries(paths).map(([name, path]): Read => ({ group, name, path, ...(key && { key }) }));
  return [
    ...of('none', { liveness: '/_status?simple=1' }),
    ...of('figures', figures),
    ...of('lists', lists, true),
    ...of('rare', rare, true),
    ...of('admin', admin),
  ];
}

/**
 * Sends each request `times` times, one after the other; the second page of the list too.
 *
 * @throws if an answer is not 200
 */
export async function readAll(
  url: string,
  reads: readonly Read[],
  {
    admin,
    key,
    times,
    cpuSeconds,
  }: Readonly<{
    admin: Readonly<{ issuer: string; secret: string }>;
    key: string;
    times: number;
    /** Of the API and PostgreSQL so far. */
    cpuSeconds: () => number;
  }>,
): Promise<readonly Reading[]> {
  const wire = await Wire.open(url);
  const send = async ({ path, key: isService }: Read) => {
    const token = isService
      ? signToken(key.slice(-73, -37), key.slice(-36))
      : signToken(admin.issuer, admin.secret);
    const began = performance.now();
    const { status, body } = await wire.send(
      Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`),
    );
    const milliseconds = performance.now() - began;
    return { status, body, milliseconds };
  };
  const readings: Reading[] = [];
  const measure = async (read: Read) => {
    const latencies = new Float64Array(times);
    let [bytes, before] = [0, 0];
    for (let time = -warmUps; time < times; time++) {
      if (time === 0) before = cpuSeconds();
      const { status, body, milliseconds } = await send(read);
      if (status !== 200)
        throw new Error(`GET ${read.path} was answered ${status} ${body.toString('utf8', 0, 300)}`);
      bytes = body.length;
      if (time >= 0) latencies[time] = milliseconds;
    }
    const cpu_ms = ((cpuSeconds() - before) * 1000) / times;
    latencies.sort();
    const [p50_ms, p95_ms, max_ms] = [0.5, 0.95, 1].map((part) => quantile(latencies, part)) as [
      number,
      number,
      number,
    ];
    readings.push({ group: read.group, read: read.name, p50_ms, p95_ms, max_ms, cpu_ms, bytes });
    console.error(
      `  ${read.name}: p50 ${p50_ms.toFixed(1)} ms, p95 ${p95_ms.toFixed(1)} ms, CPU ${cpu_ms.toFixed(1)} ms, ${bytes} bytes`,
    );
  };
  try {
    for (const read of reads) await measure(read);
    const newest = reads.find(({ name }) => name === 'newest')!;
    const page = JSON.parse((await send(newest)).body.toString()) as { links: { next: string } };
    const { pathname, search } = new URL(page.links.next);
    await measure({ ...newest, name: 'older_than', path: `${pathname}${search}` });
    return readings;
  } finally {
    wire.close();
  }
}
