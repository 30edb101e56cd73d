import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, summaryList, table, tag } from '../components/content.ts';
import { button } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { Missing, page, type ServiceVisit, servicePage } from '../frame/page.ts';
import { dayText, timeOf } from '../words/times.ts';

/** A key of the service (spec 04, section 2). */
export type Key = Readonly<{
  id: string;
  name: string;
  key_type: KeyType;
  expiry_date: string | null;
  created_at: string;
  created_by: string;
  last_used_at: string | null;
  last_client: string | null;
  calls_by_day: readonly Readonly<{
    day: string;
    calls: number;
    clients: Readonly<Record<string, number>>;
  }>[];
}>;

export type KeyType = 'normal' | 'team' | 'test';

type Message = Readonly<{ id: string; created_at: string; template: Readonly<{ name: string }> }>;

/** What a type of key allows, as people choose it. */
export const keyTypeNames: Readonly<Record<KeyType, string>> = {
  normal: 'Live: sends to anyone',
  team: 'Team: sends to your team and guest list only',
  test: 'Test: pretends to send',
};

const keysPath = ({ service }: ServiceVisit) => `/service/${service.id}/api-keys`;

/** The keys of the service: those that work, and those that ended within the last week. */
export async function readKeys(visit: ServiceVisit): Promise<readonly Key[]> {
  return (await visit.api.get<{ apiKeys: readonly Key[] }>(keysPath(visit))).apiKeys;
}

/** A key that works, of the path. Throws NotFound. */
export async function readKey(visit: ServiceVisit): Promise<Key> {
  const id = encodeURIComponent(visit.params['key'] ?? '');
  const { apiKeys } = await visit.api.get<{ apiKeys: readonly Key[] }>(`${keysPath(visit)}/${id}`);
  const [key] = apiKeys;
  if (!key) throw new Missing('No such key');
  return key;
}

export const named = (text: string): Html => html`<bdi>${text}</bdi>`;

function callsOf({ calls_by_day: days }: Key): number {
  return days.reduce((sum, { calls }) => sum + calls, 0);
}

function lastUse({ last_used_at: at }: Key, zone: string): Html | string {
  return at === null ? 'Never' : timeOf(at, zone);
}

function stateOf({ expiry_date: end }: Key, { now, zone }: ServiceVisit): Html {
  if (end === null) return tag('Works', 'good');
  if (Date.parse(end) <= now) return html`${tag('Ended')} ${timeOf(end, zone)}`;
  return html`${tag('Ends', 'open')} ${timeOf(end, zone)}`;
}

function keySentence(keys: readonly Key[], now: number): string {
  const live = keys.filter(({ expiry_date: end }) => end === null || Date.parse(end) > now);
  if (live.length === 0) return 'No program can send for this service: it has no key that works.';
  const unused = live.filter(({ last_used_at: at }) => at === null).length;
  const works = live.length === 1 ? '1 key works' : `${live.length} keys work`;
  if (unused === 0) return `${works}.`;
  return `${works}; ${unused === 1 ? '1 has' : `${unused} have`} never been used.`;
}

export const keyList = servicePage('/developers/keys', 'manage_api_keys', {
  async get(visit) {
    const { at, zone, now } = visit;
    const keys = await readKeys(visit);
    const rows = keys.map((key) => {
      const works = key.expiry_date === null || Date.parse(key.expiry_date) > now;
      return [
        {
          content: works ? link(at(`/developers/keys/${key.id}`), named(key.name)) : named(key.name),
          header: true,
        },
        keyTypeNames[key.key_type],
        stateOf(key, visit),
        lastUse(key, zone),
        key.last_client === null ? 'None yet' : named(key.last_client),
        { content: String(callsOf(key)), numeric: true },
      ];
    });
    const main = html`${heading(1, 'API keys')}${paragraph(keySentence(keys, now))}${paragraph('A key lets a program send messages and read what became of them. It is shown once, when it is made. Keys that have ended are listed for a week.')}${button({ text: 'Make a key', href: at('/developers/keys/add') })}${table(
      {
        caption: 'Keys of this service',
        head: ['Name', 'Type', 'State', 'Last use', 'Client', { text: 'Calls in 30 days', numeric: true }],
        rows,
        empty: 'There are no keys yet. Make one to send your first message from a program.',
      },
    )}`;
    return page('API keys', main, { wide: true, back: { href: at('/developers'), text: 'Developers' } });
  },
});

export const oneKey = servicePage('/developers/keys/:key', 'manage_api_keys', {
  live: true,
  async get(visit) {
    const { at, zone } = visit;
    const key = await readKey(visit);
    const days = key.calls_by_day.map(({ day, calls, clients }) => [
      { content: dayText(day), header: true },
      { content: String(calls), numeric: true },
      named(clientsText(clients)),
    ]);
    const main = html`${heading(1, html`API key: ${named(key.name)}`)}${
      key.expiry_date === null
        ? null
        : insetText(html`This key ends on ${timeOf(key.expiry_date, zone)}. ${stillUsedBy(key, visit)}`)
    }${summaryList({
      rows: [
        { key: 'Type', value: keyTypeNames[key.key_type] },
        { key: 'State', value: stateOf(key, visit) },
        { key: 'Made', value: timeOf(key.created_at, zone) },
        { key: 'Last use', value: lastUse(key, zone) },
        { key: 'Client', value: key.last_client === null ? 'None yet' : named(key.last_client) },
      ],
    })}${await firstCallRegion(visit, key)}${table({
      caption: 'Calls by day, in London',
      head: ['Day', { text: 'Calls', numeric: true }, 'Clients'],
      rows: days,
      empty: 'No calls in the last 30 days.',
    })}<div class="app-actions">${button({
      text: 'Change this key',
      href: at(`/developers/keys/${key.id}/change`),
      classes: 'govuk-button--secondary',
    })}${button({
      text: 'End this key',
      href: at(`/developers/keys/${key.id}/end`),
      classes: 'govuk-button--warning',
    })}</div>${paragraph('Change it if it is lost, or has been where others could read it: you get a new key, and the old one goes on for 24 hours. A key cannot be shown again.')}`;
    return page('API key', main, { back: { href: at('/developers/keys'), text: 'API keys' } });
  },
});

/** "notifications-node-client (12), other (3)". */
export function clientsText(clients: Readonly<Record<string, number>>): string {
  return Object.entries(clients)
    .map(([client, calls]) => `${client} (${calls})`)
    .join(', ');
}

/** What still uses a key, in a sentence: who would notice if it ended. */
export function stillUsedBy(key: Key, { zone }: Pick<ServiceVisit, 'zone'>): Html {
  const [latest] = key.calls_by_day;
  if (key.last_used_at === null) return html`Nothing has ever used it.`;
  if (!latest)
    return html`It was last used on ${timeOf(key.last_used_at, zone)}, and not in the last 30 days.`;
  return html`It was last used on ${timeOf(key.last_used_at, zone)}. On ${dayText(latest.day)}, ${latest.calls === 1 ? '1 call' : `${latest.calls} calls`} came from ${named(clientsText(latest.clients))}.`;
}

export const firstCallId = 'first-call';

/**
 * Whether the first call with a key has arrived: brought up to date while the page is open (spec 07, journey 7). The
 * API records that a key was used within a few seconds, and a message at once.
 */
async function firstCallRegion(visit: ServiceVisit, key: Key): Promise<Html> {
  const { at, api, service, zone } = visit;
  const filter = `api_key_id=${key.id}&include_from_test_key=true&page_size=1`;
  const found = visit.may('view_activity')
    ? await api.get<{ notifications: readonly Message[] }>(`/service/${service.id}/notifications?${filter}`)
    : null;
  const message = found?.notifications[0];
  if (message) {
    const content = html`<h2 class="govuk-heading-m">Its calls arrive</h2>${paragraph(
      html`The last message with this key was accepted on ${timeOf(message.created_at, zone)}, with the template ${named(message.template.name)}. ${link(at(`/messages/${message.id}`), 'See what became of it')}`,
    )}`;
    return visit.region(firstCallId, content, 'A call with this key has arrived.');
  }
  if (key.last_used_at !== null) {
    const content = html`<h2 class="govuk-heading-m">Its calls arrive</h2>${paragraph(
      html`The last call with this key came on ${timeOf(key.last_used_at, zone)}${key.last_client === null ? null : html` from ${named(key.last_client)}`}. ${found === null ? null : 'No message of it has been kept: if your program meant to send one, the answer that it got says why it was refused.'}`,
    )}`;
    return visit.region(firstCallId, content, 'A call with this key has arrived.');
  }
  return visit.region(firstCallId, waiting(at(`/developers/keys/${key.id}`)));
}

/** While no call has arrived. `href`: the key's page, for readers without script. */
export function waiting(href: string): Html {
  return html`<h2 class="govuk-heading-m">Waiting for the first call</h2>${paragraph(
    html`This changes by itself when a call with this key arrives. ${link(href, 'See whether it has arrived')}`,
  )}`;
}
