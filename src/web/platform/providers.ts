import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table, tag } from '../components/content.ts';
import { link } from '../components/navigation.ts';
import { operatorPage, page } from '../frame/page.ts';
import { inFigures, percent } from '../words/counts.ts';
import { delayText, shortTime } from '../words/times.ts';
import { dayNow } from './days.ts';
import type { Figures, Provider } from './facts.ts';
import { typeNames } from './words.ts';

type Reader = Readonly<{ zone: string; now: number }>;

/** Who delivers (spec 07, section 7). */
const providers = operatorPage('/platform/providers', {
  async get(visit) {
    const { api, now } = visit;
    const today = dayNow(now);
    const [{ provider_details: all }, figures] = await Promise.all([
      api.get<{ provider_details: readonly Provider[] }>('/provider-details'),
      api.getSoon<{ data: readonly Figures[] }>(`/platform/figures?from=${today}&to=${today}&by=provider`),
    ]);
    const types = (['sms', 'email'] as const).map((type) =>
      typeTable(
        type,
        all.filter((one) => one.notification_type === type),
        figures?.data ?? null,
        visit,
      ),
    );
    return page(
      'Providers',
      html`${heading(1, 'Providers')}${paragraph('Of each type, the provider with the lowest priority that can be called gets the messages. Shares and receipts are today’s, by the London date; half of the receipts came within the time shown.')}${types}`,
      { wide: true },
    );
  },
});

function typeTable(
  type: 'sms' | 'email',
  all: readonly Provider[],
  figures: readonly Figures[] | null,
  reader: Reader,
): Html {
  const whole = (figures ?? [])
    .filter((one) => one.notification_type === type)
    .reduce((sum, { requested }) => sum + requested, 0);
  return table({
    caption: typeNames[type]!,
    head: [
      ...['Provider', 'State'],
      ...['Priority', 'Rate a second', 'Share', 'Failed', 'Receipts within'].map((text) => ({
        ...{ text, numeric: true },
      })),
    ],
    rows: all.map((one) => {
      const of = figuresOf(one, figures ?? []);
      const value = (text: string) => ({
        ...{ content: figures === null ? 'not available at the moment' : text, numeric: true },
      });
      return [
        { content: link(`/platform/providers/${one.id}`, one.display_name), header: true },
        stateOf(one, reader),
        { content: String(one.priority), numeric: true },
        { content: one.rate_limit === null ? 'no limit' : inFigures(one.rate_limit), numeric: true },
        value(percent(of?.requested ?? 0, whole)),
        value(of ? percent(of.failed, of.requested) : '–'),
        value(delayText(of?.delivered_after?.p50 ?? null)),
      ];
    }),
    empty: `No provider of ${type === 'sms' ? 'text messages' : 'emails'} is set up. What takes part in its place, if anything, is the sandbox.`,
  });
}

/** Its figures of the day; undefined: it sent nothing. */
export function figuresOf(
  { identifier, notification_type: type }: Provider,
  figures: readonly Figures[],
): Figures | undefined {
  return figures.find((one) => one.provider === identifier && one.notification_type === type);
}

/** Whether it is used, in words. */
export function stateOf(one: Provider, reader: Reader): Html {
  if (!one.active) return tag('Off');
  if (one.circuit === 'closed') return tag('In use', 'good');
  if (one.circuit === 'half-open') return tag('Being tried again', 'open');
  const until = one.circuit_until === null ? 'somebody uses it again' : shortTime(one.circuit_until, reader);
  return html`${tag('Left alone', 'bad')} until ${until}`;
}

export const providerListPages = [providers];
