import { createCipher } from '../src/ground/cipher.ts';
import { loadAssets } from '../src/web/frame/assets.ts';
import { layout } from '../src/web/frame/layout.ts';
import type { Service, ServiceVisit } from '../src/web/frame/page.ts';
import { listPages } from '../src/web/messages/list.ts';
import { quantile } from './scenario.ts';

const warmUps = 200;
const times = 400;

/** What the admin API answers to one path, read once. */
export type Read = <T>(path: string) => Promise<T>;

/**
 * How long it takes to make the page with a list of 50 messages from answers that are there already, as a whole document:
 * p95 in milliseconds.
 */
export async function renderList(
  service: Service,
  read: Read,
): Promise<Readonly<{ milliseconds: number; rows: number }>> {
  const known = new Map<string, Promise<unknown>>();
  const recall = <T>(path: string): Promise<T> => {
    const answer = known.get(path) ?? read(path);
    known.set(path, answer);
    return answer as Promise<T>;
  };
  const cipher = createCipher(['a secret of this benchmark'], 'pages');
  const visit = {
    api: { get: recall, getSoon: recall, subject: recall },
    ...{
      params: {},
      query: new URLSearchParams(),
      path: `/services/${service.id}/messages`,
      now: Date.now(),
    },
    person: {
      id: service.id,
      name: 'Sam',
      isOperator: false,
      permissions: { [service.id]: ['view_activity', 'send_texts'] },
    },
    ...{ zone: 'Europe/London', theme: 'system', fields: '', onward: null, service },
    site: { productName: 'Despatch', baseUrl: 'http://127.0.0.1', sandboxUrl: null },
    at: (path: string) => `/services/${service.id}${path}`,
    may: () => true,
    seal: (purpose: string, value: unknown) =>
      cipher.seal(JSON.stringify(value), purpose).toString('base64url'),
  } as unknown as ServiceVisit;
  const frame = {
    ...{ assets: loadAssets({ colour: '#0b5c66', logoFile: null }), visit, service },
    ...{ said: null, endsSoon: false },
  };
  const [list] = listPages;
  const latencies = new Float64Array(times);
  let rows = 0;
  for (let time = -warmUps; time < times; time++) {
    const began = performance.now();
    const answer = await list!.get!(visit);
    if (answer.kind !== 'page') throw new Error('The list is no page.');
    const document = layout(answer, frame);
    if (time >= 0) latencies[time] = performance.now() - began;
    rows = document.split('<tr class="govuk-table__row">').length - 2;
  }
  return { milliseconds: quantile(latencies.sort(), 0.95), rows };
}
