import { html } from '../../ground/html.ts';
import { heading, insetText, paragraph, table, tag } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { answering, type Faults, faultSummary, noFaults } from '../words/faults.ts';
import { timeOf } from '../words/times.ts';
import { type FullService, readService, sentences } from './service.ts';

type Point = Readonly<{ text: string; isDone: boolean | null; path: string }>;

/** What operators look for before a service goes live; null: not known at the moment. */
async function checklist({ api, service }: ServiceVisit): Promise<readonly Point[]> {
  type Member = Readonly<{ state: string; permissions: Readonly<Record<string, readonly string[]>> }>;
  type Template = Readonly<{ template_type: string }>;
  const base = `/service/${service.id}`;
  const [templates, members, replyTos] = await Promise.all([
    api.getSoon<{ data: readonly Template[] }>(`${base}/template`),
    api.getSoon<{ data: readonly Member[] }>(`${base}/users`),
    api.getSoon<readonly unknown[]>(`${base}/email-reply-to`),
  ]);
  const has = (type: string) => templates?.data.some(({ template_type }) => template_type === type);
  const managers = members?.data.filter(
    ({ state, permissions }) => state === 'active' && permissions[service.id]?.includes('manage_settings'),
  );
  const points: Point[] = [
    { text: 'A template is written', isDone: templates && templates.data.length > 0, path: '/templates' },
    {
      text: 'Two people can manage the settings',
      isDone: managers ? managers.length > 1 : null,
      path: '/team',
    },
  ];
  if (has('email'))
    points.push({
      text: 'Replies to emails go somewhere',
      isDone: replyTos && replyTos.length > 0,
      path: '/settings/reply-to',
    });
  return points;
}

async function livePage(visit: ServiceVisit, full: FullService, faults: Faults): Promise<Answer> {
  const { at, fields, zone } = visit;
  const back = { href: at('/settings'), text: 'Settings' };
  if (!full.restricted)
    return page(
      'Your service is live',
      html`${heading(1, 'Your service is live')}${paragraph('It can send to everybody, within its daily limits.')}`,
      { back },
    );
  if (full.has_active_go_live_request)
    return page(
      'You have asked to go live',
      html`${faultSummary(faults)}${heading(1, 'You have asked to go live')}${paragraph(
        full.go_live_requested_at === null
          ? 'The operators of the platform can see your request.'
          : html`The operators of the platform have had your request since ${timeOf(full.go_live_requested_at, zone)}. When they have answered, everybody in the team gets an email.`,
      )}${postForm({ action: at('/settings/go-live'), fields }, button({ text: 'Withdraw the request', name: 'do', value: 'withdraw', classes: 'govuk-button--secondary' }))}`,
      { ...answering(faults), back },
    );
  const points = await checklist(visit);
  const rows = points.map(({ text, isDone, path }) => [
    { content: text, header: true },
    isDone === null ? 'Not available at the moment' : isDone ? tag('Done', 'good') : tag('Not yet', 'open'),
    link(at(path), html`Look<span class="govuk-visually-hidden"> at: ${text}</span>`),
  ]);
  return page(
    'Go live',
    html`${faultSummary(faults)}${heading(1, 'Go live')}${paragraph('A service in trial sends only to its team and its guest list. To send to everybody, ask the operators of the platform.')}${table({ caption: 'Before you ask', head: ['What', 'State', 'Page'], rows })}${
      points.some(({ isDone }) => isDone === false)
        ? insetText('You can ask before everything is done. Operators see the same list.')
        : null
    }${postForm({ action: at('/settings/go-live'), fields }, button({ text: 'Ask to go live', name: 'do', value: 'ask', preventDoubleClick: true }))}`,
    { ...answering(faults), back },
  );
}

const goLive = servicePage('/settings/go-live', 'manage_settings', {
  fresh: true,
  get: async (visit) => livePage(visit, await readService(visit), noFaults),
  async post(visit, form) {
    const { api, service, at } = visit;
    const path = `/service/${service.id}/go-live-request`;
    const isWithdrawal = form.text('do') === 'withdraw';
    const sent = isWithdrawal
      ? await api.send('DELETE', path, undefined)
      : await api.send('POST', path, {}, form.id);
    if (!sent.ok) return livePage(visit, await readService(visit), { '': `${sentences(sent)}.` });
    return redirect(
      at('/settings/go-live'),
      isWithdrawal ? 'The request is withdrawn.' : 'The operators see your request now.',
    );
  },
});

export const goLivePages: readonly Page[] = [goLive];
