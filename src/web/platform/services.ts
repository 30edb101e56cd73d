import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table, tag } from '../components/content.ts';
import { button, input, select } from '../components/form.ts';
import { pagination } from '../components/navigation.ts';
import { operatorPage, page } from '../frame/page.ts';
import { inFigures, percent } from '../words/counts.ts';
import { dayBefore, dayNow } from './days.ts';
import type { DetailedService } from './facts.ts';
import { serviceLink, typeNames } from './words.ts';

const path = '/platform/services';
const shownAtOnce = 50;

const orders = { newest: 'Newest first', oldest: 'Oldest first', name: 'By name' } as const;

/** Who sends: all services (spec 07, section 7). */
const services = operatorPage(path, {
  async get(visit) {
    const { api, query, now } = visit;
    const name = (query.get('name') ?? '').trim().slice(0, 255);
    const asked = query.get('order') ?? '';
    const order = Object.hasOwn(orders, asked) ? asked : 'newest';
    const isWaiting = query.get('waiting') === 'yes';
    const older = query.get('older_than');
    const today = dayNow(now);
    const filter = new URLSearchParams({
      ...{ detailed: 'True', order, start_date: dayBefore(today, 6), end_date: today },
      include_from_test_key: 'False',
      ...(name !== '' && { name }),
      ...(isWaiting && { go_live_requested: 'True' }),
      ...(older !== null && { older_than: older }),
    });
    const { data } = await api.get<{ data: readonly DetailedService[] }>(`/service?${filter}`);
    const shown = data.slice(0, shownAtOnce);
    const next = new URLSearchParams({
      ...(name !== '' && { name }),
      order,
      ...(isWaiting && { waiting: 'yes' }),
      older_than: shown.at(-1)?.id ?? '',
    });
    const isNarrowed = name !== '' || isWaiting;
    return page(
      'All services',
      html`${heading(1, 'All services')}<form method="get" action="${path}" class="app-filter">${input({
        ...{ name: 'name', label: 'Part of the name', value: name, attributes: { autocomplete: 'off' } },
      })}${select({
        ...{ name: 'order', label: 'Order' },
        items: Object.entries(orders).map(([value, text]) => ({ value, text, selected: value === order })),
      })}${select({
        ...{ name: 'waiting', label: 'Which' },
        items: [
          { value: '', text: 'All', selected: !isWaiting },
          { value: 'yes', text: 'Those that ask to go live', selected: isWaiting },
        ],
      })}${button({ text: 'Show', classes: 'govuk-button--secondary' })}</form>${paragraph('Sent and failed are of the last 7 days, by London dates, without test keys.')}${table(
        {
          caption: 'Services',
          captionClasses: 'govuk-visually-hidden',
          head: [
            ...['Service', 'State'],
            ...['Sent', 'Failed', 'Most texts a day', 'Most emails a day'].map((text) => ({
              text,
              numeric: true,
            })),
          ],
          rows: shown.map((one) => {
            const { requested, failed } = totals(one);
            return [
              { content: serviceLink(one.id, one.name), header: true },
              stateOf(one),
              { content: inFigures(requested), numeric: true },
              { content: percent(failed, requested), numeric: true },
              { content: inFigures(one.sms_message_limit), numeric: true },
              { content: inFigures(one.email_message_limit), numeric: true },
            ];
          }),
          empty: isNarrowed
            ? 'No service fits. Archived ones begin with “_archived_”.'
            : older === null
              ? 'There are no services yet.'
              : 'There are no more services.',
        },
      )}${pagination({ next: data.length > shownAtOnce ? { href: `${path}?${next}`, text: 'More services' } : null })}`,
      { wide: true },
    );
  },
});

/** Messages of all types. */
export function totals({ statistics }: DetailedService) {
  const sum = (of: 'requested' | 'delivered' | 'failed') =>
    Object.values(statistics).reduce((total, one) => total + one[of], 0);
  return { requested: sum('requested'), delivered: sum('delivered'), failed: sum('failed') };
}

/** By type, those that sent something. */
export function byType({ statistics }: DetailedService): readonly (readonly [string, string])[] {
  return Object.entries(statistics)
    .filter(([, { requested }]) => requested > 0)
    .map(([type, { requested, failed }]) => [
      typeNames[type] ?? type,
      `${inFigures(requested)}, of which ${percent(failed, requested)} failed`,
    ]);
}

/** Whether it sends, and to whom, in words. */
export function stateOf(
  one: Readonly<{
    name: string;
    active: boolean;
    restricted: boolean;
    has_active_go_live_request: boolean;
  }>,
): Html {
  if (!one.active) return tag(one.name.startsWith('_archived_') ? 'Archived' : 'Suspended', 'bad');
  if (!one.restricted) return tag('Live', 'good');
  return one.has_active_go_live_request ? tag('Asks to go live', 'open') : tag('Trial', 'quiet');
}

export const serviceListPages = [services];
