import { type Html, html } from '../../ground/html.ts';
import { copyable, heading, insetText, paragraph, table, tag } from '../components/content.ts';
import { button } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { clockText, timeInWords, timeOf } from '../words/times.ts';
import { type Key, named, readKeys } from './keys.ts';

/** A message as a list has it (spec 04, section 7.2); those that a program sent have a key. */
type Message = Readonly<{
  id: string;
  status: string;
  notification_type: 'sms' | 'email';
  api_key: string | null;
  key_name: string | null;
  reason: string | null;
  created_at: string;
  template: Readonly<{ name: string }>;
}>;

type Messages = Readonly<{ notifications: readonly Message[]; links: Readonly<{ next?: boolean }> }>;

const hour = 3_600_000;
const pageSize = 250;
const failures = ['technical-failure', 'temporary-failure', 'permanent-failure', 'validation-failed'];

/** Is my code right? What programs sent within the last hour, what failed and why, and who calls. */
export const overview = servicePage('/developers', 'manage_api_keys', {
  async get(visit) {
    const { at, api, service, now, zone } = visit;
    const since = new Date(now - hour).toISOString();
    const filter = `include_jobs=false&include_from_test_key=true&include_one_off=false&created_from=${since}&page_size=${pageSize}`;
    const [keys, recent] = await Promise.all([
      readKeys(visit),
      visit.may('view_activity')
        ? api.getSoon<Messages>(`/service/${service.id}/notifications?${filter}`)
        : null,
    ]);
    const refresh = paragraph(
      html`As of ${clockText(now, zone)}. ${link(visit.path, 'Refresh')}`,
      'app-quiet',
    );
    const main = html`${heading(1, 'Developers')}<ul class="app-choices govuk-body"><li>${link(at('/developers/keys'), 'API keys')}</li><li>${link(at('/developers/callbacks'), 'Callbacks')}</li></ul>${
      keys.length === 0
        ? firstSteps(visit)
        : html`${messagesSection(visit, recent)}${refresh}${callsSection(visit, keys)}`
    }`;
    return page('Developers', main, { wide: true });
  },
});

function firstSteps({ at, site }: ServiceVisit): Html {
  return html`${insetText('No program can send for this service yet: it has no key.')}${paragraph('Make a key. The page that shows it has a first call to paste, in seven languages, and waits for it to arrive.')}${button({ text: 'Make a key', href: at('/developers/keys/add') })}${paragraph('Your program calls this address:')}${copyable({ id: 'api-url', text: site.apiUrl, what: 'address of the API' })}`;
}

function messagesSection(visit: ServiceVisit, recent: Messages | null): Html {
  if (!visit.may('view_activity'))
    return insetText(
      'To see what your programs have sent, you need the permission “See messages and figures”.',
    );
  if (recent === null) return insetText('What your programs have sent is not available at the moment.');
  const sent = recent.notifications.filter(({ api_key: key }) => key !== null);
  const failed = sent.filter(({ status }) => failures.includes(status));
  return html`${heading(2, 'Messages of the last hour')}${paragraph(
    `${sentSentence(sent.length, failed.length, recent.notifications.length >= pageSize)} A request that was refused is not kept: the answer to it says what is wrong, in its status and text.`,
  )}${
    sent.length === 0
      ? null
      : table({
          caption: 'By status',
          captionClasses: 'govuk-table__caption--s',
          head: ['Status', { text: 'Messages', numeric: true }],
          rows: byStatus(sent).map(([status, count]) => [
            { content: tag(status, toneOf(status)), header: true },
            { content: String(count), numeric: true },
          ]),
        })
  }${
    failed.length === 0
      ? null
      : table({
          caption: 'Last failures',
          captionClasses: 'govuk-table__caption--s',
          head: ['At', 'Template', 'Key', 'Why'],
          rows: failed.slice(0, 20).map((one) => [
            {
              content: link(visit.at(`/messages/${one.id}`), timeOf(one.created_at, visit.zone)),
              header: true,
            },
            named(one.template.name),
            named(one.key_name ?? ''),
            one.reason ?? one.status,
          ]),
        })
  }`;
}

/** What programs sent in an hour, in a sentence. `isCut`: there may have been more. */
export function sentSentence(sent: number, failed: number, isCut: boolean): string {
  if (sent === 0 && !isCut) return 'No message was accepted from a program.';
  const count = isCut
    ? `Of the last ${sent} messages from programs`
    : `${sent === 1 ? '1 message was' : `${sent} messages were`} accepted from programs`;
  if (isCut) return `${count}, ${failed === 0 ? 'none' : failed} failed.`;
  return `${count}; ${failed === 0 ? 'none' : failed} failed.`;
}

/** How many messages have each status, most first. */
export function byStatus(sent: readonly Pick<Message, 'status'>[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { status } of sent) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts].sort(([one, a], [other, b]) => b - a || one.localeCompare(other));
}

/** Programs see statuses as the API names them, so this page does too. */
function toneOf(status: string): 'good' | 'bad' | 'open' | 'quiet' {
  if (failures.includes(status)) return 'bad';
  return status === 'delivered' || status === 'sent' ? 'good' : status === 'cancelled' ? 'quiet' : 'open';
}

function callsSection({ at, zone }: ServiceVisit, keys: readonly Key[]): Html {
  const used = keys.filter(({ last_used_at: at }) => at !== null);
  const latest = used
    .map(({ last_used_at: at }) => at!)
    .sort()
    .at(-1);
  const rows = keys.map((key) => [
    { content: link(at(`/developers/keys/${key.id}`), named(key.name)), header: true },
    key.last_used_at === null ? 'Never' : timeOf(key.last_used_at, zone),
    key.last_client === null ? 'None yet' : named(key.last_client),
    { content: String(key.calls_by_day[0]?.calls ?? 0), numeric: true },
  ]);
  return html`${heading(2, 'Calls')}${paragraph(
    latest === undefined
      ? 'No call has arrived yet.'
      : `The last call arrived on ${timeInWords(latest, zone)}. Every call with a key that works counts, whatever was answered.`,
  )}${table({
    caption: 'Calls by key',
    captionClasses: 'govuk-table__caption--s',
    head: ['Key', 'Last call', 'Client', { text: 'Calls on that day', numeric: true }],
    rows,
  })}`;
}
