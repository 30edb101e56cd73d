import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, summaryList, tag } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link } from '../components/navigation.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage, Unexpected } from '../frame/page.ts';
import { timeInWords } from '../words/times.ts';
import { readSenders, type Sender } from './senders.ts';
import {
  draftOf,
  exampleFor,
  placeholderChanges,
  placeholdersOf,
  readTemplate,
  type Template,
  type TemplateVersion,
  typeNames,
  valuesOf,
} from './template.ts';
import { costOf, mailFile, mailFrame, messageBox, type Rendered, renderDraft } from './view.ts';

const notNow = 'Not available at the moment';

/** A template as its page shows it. */
type Shown = Readonly<{
  template: Template;
  rendered: Rendered;
  senders: readonly Sender[] | null;
  /** undefined: not asked for, as whoever looks may not see figures; null: late. */
  lastUsed: string | null | undefined | 'never';
  since: Html | null;
}>;

/** One template (spec 07, section 6). */
export const templatePage = servicePage('/templates/:template', 'member', {
  async get(visit) {
    const { api, service, params, query, may } = visit;
    const id = params['template']!;
    const since = Number(query.get('since'));
    const isAfterChange = Number.isInteger(since) && since > 0 && since < 2 ** 31;
    const lastUse = may('view_activity') && !isAfterChange ? readLastUse(visit, id) : undefined;
    const [template, lastUsed, older, keys] = await Promise.all([
      readTemplate(api, service.id, id),
      lastUse,
      isAfterChange ? readVersion(visit, id, since) : null,
      isAfterChange && may('view_activity') ? readKeys(visit, id, since) : null,
    ]);
    const [senders, rendered] = await Promise.all([
      readSenders(api, service.id, template.template_type),
      renderDraft(api, service.id, draftOf(template), {}),
    ]);
    const changes = older && older.version < template.version ? sinceView(older, template, keys) : null;
    return onePage(visit, { template, rendered, senders, lastUsed, since: changes });
  },
  async post(visit, form) {
    const { api, service, at, params, may } = visit;
    const template = await readTemplate(api, service.id, params['template']!);
    if (!may('manage_templates') || form.text('do') !== 'copy')
      return redirect(at(`/templates/${template.id}`));
    const made = await copyTemplate(visit, template, form.id);
    return redirect(at(`/templates/${made}/edit`), 'Copied. Change the copy here.');
  },
});

/** Makes another template with the same text, in the same folder. Returns its id. */
export async function copyTemplate(
  { api, service, person }: ServiceVisit,
  { name, template_type, subject, content, folder, has_unsubscribe_link }: Template,
  key: string,
): Promise<string> {
  const made = await api.send<{ data: Template }>(
    'POST',
    `/service/${service.id}/template`,
    {
      ...{ name: `Copy of ${name}`.slice(0, 255), template_type, content, created_by: person.id },
      ...(template_type === 'email' && { subject, has_unsubscribe_link }),
      parent_folder_id: folder,
    },
    key,
  );
  if (!made.ok) throw new Unexpected(made);
  return made.data.data.id;
}

async function readLastUse({ api, service }: ServiceVisit, id: string): Promise<string | null> {
  const found = await api.getSoon<{ last_date_used: string | null }>(
    `/service/${service.id}/template-statistics/last-used/${encodeURIComponent(id)}`,
  );
  return found === null ? null : (found.last_date_used ?? 'never');
}

async function readVersion({ api, service }: ServiceVisit, id: string, version: number) {
  const found = await api.getSoon<{ data: TemplateVersion }>(
    `/service/${service.id}/template/${encodeURIComponent(id)}/version/${version}`,
  );
  return found?.data ?? null;
}

const weekMilliseconds = 7 * 86_400_000;

/** Names of the keys that sent a version within the last 7 days, of the newest 250 messages of the template. */
async function readKeys(
  { api, service, now }: ServiceVisit,
  id: string,
  version: number,
): Promise<readonly string[] | null> {
  type Message = Readonly<{ template_version: number; key_name: string | null }>;
  const query = new URLSearchParams({
    ...{ template_id: id, page_size: '250', include_jobs: 'False' },
    created_from: new Date(now - weekMilliseconds).toISOString(),
  });
  const found = await api.getSoon<{ notifications: readonly Message[] }>(
    `/service/${service.id}/notifications?${query}`,
  );
  const sent = found?.notifications.filter((message) => message.template_version === version);
  return sent ? [...new Set(sent.flatMap(({ key_name: name }) => (name === null ? [] : [name])))] : null;
}

/** What a change means for whoever fills in the template (spec 07, journey 2). */
function sinceView(older: Template, template: Template, keys: readonly string[] | null): Html {
  const { added, gone } = placeholderChanges(draftOf(older), draftOf(template));
  const several = (count: number) => (count === 1 ? 'placeholder' : 'placeholders');
  const sentences = [
    added.length > 0 &&
      html`New ${several(added.length)}: ${names(added)}. Messages without a value for it are refused.`,
    gone.length > 0 && html`No longer used: ${names(gone)}. Values for it are ignored.`,
    added.length + gone.length === 0 && html`Its placeholders are the same as in version ${older.version}.`,
    keys !== null &&
      (keys.length === 0
        ? html`No key has sent version ${older.version} in the last 7 days.`
        : html`These keys sent version ${older.version} in the last 7 days, and send version ${template.version} from now on: ${names(keys)}.`),
  ];
  return insetText(
    html`${sentences.flatMap((sentence) => (sentence === false ? [] : [paragraph(sentence)]))}`,
  );
}

const names = (all: readonly string[]) =>
  html`${all.map((name, index) => html`${index === 0 ? '' : ', '}<strong dir="auto">${name}</strong>`)}`;

function onePage(visit: ServiceVisit, { template, rendered, senders, lastUsed, since }: Shown): Answer {
  const { at, zone } = visit;
  const { id, name, template_type: type, version, archived } = template;
  const placeholders = placeholdersOf(draftOf(template));
  const sender = senders?.find(({ isDefault }) => isDefault)?.text;
  const from =
    senders === null ? notNow : (sender ?? (type === 'sms' ? 'The sender of the platform' : 'None'));
  const here = (path: string) => at(`/templates/${id}${path}`);
  const saved = `Version ${version}, ${timeInWords(template.updated_at ?? template.created_at, zone)}`;
  return page(
    name,
    html`${heading(1, html`<span dir="auto">${name}</span>`)}<p class="govuk-body">${tag(typeNames[type])}${archived ? html` ${tag('Deleted', 'bad')}` : null}</p>${since}${
      archived ? deletedView(visit, template) : actionsView(visit, template)
    }<div class="app-columns"><div>${messageBox(rendered, type === 'sms' ? from : null)}${
      type === 'email' ? mailFrame({ from: here('/mail'), draft: null }) : null
    }</div><div>${summaryList({
      rows: [
        ...(type === 'email' ? [{ key: 'Answers go to', value: html`<span dir="auto">${from}</span>` }] : []),
        {
          key: 'Cost',
          value: html`${costOf(rendered)}${placeholders.length > 0 && type === 'sms' ? ' Long values in place of the placeholders can make it more.' : ''}`,
        },
        {
          key: 'Placeholders',
          value:
            placeholders.length === 0
              ? 'None'
              : html`<ul class="govuk-list govuk-!-margin-bottom-0">${placeholders.map((one) => html`<li dir="auto">${one.name}</li>`)}</ul>`,
        },
        { key: 'Saved', value: saved },
        ...(lastUsed === undefined
          ? []
          : [
              {
                key: 'Last used',
                value:
                  lastUsed === null ? notNow : lastUsed === 'never' ? 'Never' : timeInWords(lastUsed, zone),
              },
            ]),
        { key: 'Template ID', value: html`<code>${id}</code>` },
      ],
    })}</div></div>`,
    {
      wide: true,
      back: {
        href: at(template.folder ? `/templates?folder=${template.folder}` : '/templates'),
        text: 'Templates',
      },
    },
  );
}

function actionsView({ at, may, fields }: ServiceVisit, { id, template_type: type }: Template): Html {
  const here = (path: string) => at(`/templates/${id}${path}`);
  const sending = may(type === 'sms' ? 'send_texts' : 'send_emails')
    ? html`${button({ text: 'Send to one person', href: here('/send') })}${button({ text: 'Send to a file', href: here('/upload'), classes: 'govuk-button--secondary' })}`
    : null;
  const writing = may('manage_templates')
    ? html`${button({ text: 'Edit', href: here('/edit'), classes: 'govuk-button--secondary' })}${postForm(
        { action: here(''), fields },
        button({
          text: 'Copy',
          name: 'do',
          value: 'copy',
          classes: 'govuk-button--secondary',
          preventDoubleClick: true,
        }),
      )}${link(here('/versions'), 'Versions')}${link(here('/delete'), 'Delete')}`
    : null;
  return html`<div class="app-actions">${sending}${writing}</div>`;
}

function deletedView({ at, may, fields }: ServiceVisit, { id }: Template): Html {
  return html`${insetText('This template is deleted: nothing can be sent with it.')}${
    may('manage_templates')
      ? postForm(
          { action: at('/templates/deleted'), fields },
          html`<input type="hidden" name="template" value="${id}">`,
          button({ text: 'Restore', preventDoubleClick: true }),
        )
      : null
  }`;
}

/** The email of a template, for its frame; by POST with the values of a form. */
export const templateMailPage = servicePage('/templates/:template/mail', 'member', {
  async get({ api, service, params }) {
    const draft = draftOf(await readTemplate(api, service.id, params['template']!));
    return mailFile(await renderDraft(api, service.id, draft, {}));
  },
  async post({ api, service, params }, form) {
    const draft = draftOf(await readTemplate(api, service.id, params['template']!));
    return mailFile(
      await renderDraft(api, service.id, draft, valuesOf(placeholdersOf(draft), form, exampleFor)),
    );
  },
});

/** Deleting, confirmed (spec 07, section 3). */
export const deletePage = servicePage('/templates/:template/delete', 'manage_templates', {
  async get(visit) {
    const { api, service, at, params, may, fields, zone } = visit;
    const id = params['template']!;
    const [template, lastUsed] = await Promise.all([
      readTemplate(api, service.id, id),
      may('view_activity') ? readLastUse(visit, id) : undefined,
    ]);
    if (template.archived) return redirect(at(`/templates/${id}`));
    const title = 'Delete this template?';
    const use =
      lastUsed === undefined || lastUsed === null
        ? null
        : lastUsed === 'never'
          ? paragraph('It has never been used.')
          : paragraph(`It was last used on ${timeInWords(lastUsed, zone)}.`);
    return page(
      title,
      html`${heading(1, title)}${paragraph(html`<strong dir="auto">${template.name}</strong>`)}${paragraph('Programs that send it will be refused from now on, and files that wait for it cannot be sent. It leaves the list of templates and its folder. You can restore it later.')}${use}${postForm({ action: at(`/templates/${id}/delete`), fields }, button({ text: 'Delete template', classes: 'govuk-button--warning', preventDoubleClick: true }))}${paragraph(link(at(`/templates/${id}`), 'Keep it'))}`,
      { back: { href: at(`/templates/${id}`), text: 'Back to the template' } },
    );
  },
  async post({ api, service, at, params, person }, form) {
    const { id } = await readTemplate(api, service.id, params['template']!);
    const outcome = await api.send(
      'POST',
      `/service/${service.id}/template/${id}`,
      { archived: true, created_by: person.id },
      form.id,
    );
    if (!outcome.ok) throw new Unexpected(outcome);
    return redirect(at('/templates'), 'The template is deleted.');
  },
});
