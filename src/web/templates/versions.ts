import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { button, postForm } from '../components/form.ts';
import { link, pagination } from '../components/navigation.ts';
import { page, redirect, type ServiceVisit, servicePage, Unexpected } from '../frame/page.ts';
import { wordDifference } from '../words/difference.ts';
import { timeInWords, timeOf } from '../words/times.ts';
import { readTemplate, type Template, type TemplateVersion, typeNames } from './template.ts';
import { differenceView } from './view.ts';

const perPage = 20;

type Page<T> = Readonly<{ data: readonly T[]; links?: Readonly<{ next: string }> }>;

/** Who wrote what, and back to it (spec 07, section 6). */
export const versionsPage = servicePage('/templates/:template/versions', 'manage_templates', {
  async get(visit) {
    const { api, service, at, params, query } = visit;
    const id = encodeURIComponent(params['template']!);
    const below = Number(query.get('older_than'));
    const isOlder = Number.isInteger(below) && below > 0 && below < 2 ** 31;
    const [template, { data, links }] = await Promise.all([
      readTemplate(api, service.id, id),
      api.get<Page<TemplateVersion>>(
        `/service/${service.id}/template/${id}/versions${isOlder ? `?older_than=${below}` : ''}`,
      ),
    ]);
    // The one below the last that is shown, which that differs from.
    const shown = data.slice(0, perPage);
    const isMore = data.length > shown.length || links !== undefined;
    const here = at(`/templates/${template.id}/versions`);
    return page(
      'Versions of a template',
      html`${heading(1, 'Versions of a template')}${paragraph(html`<strong dir="auto">${template.name}</strong>`)}${
        isOlder || isMore || shown.length > 1
          ? paragraph(
              html`What was taken out is <del>struck through</del>, what was added is <ins>underlined</ins>.`,
            )
          : paragraph(
              'This is its only version. When it is changed, you can compare versions here and go back to one.',
            )
      }${shown.map((version, index) =>
        versionView(visit, template, version, data[index + 1] ?? null),
      )}${pagination({
        previous: isOlder ? { href: here, text: 'Newest versions' } : null,
        next: isMore ? { href: `${here}?older_than=${shown.at(-1)?.version}`, text: 'Older versions' } : null,
      })}`,
      { back: { href: at(`/templates/${template.id}`), text: 'Back to the template' } },
    );
  },
  async post({ api, service, at, params, person }, form) {
    const id = encodeURIComponent(params['template']!);
    const wanted = Number(form.text('version'));
    const path = `/service/${service.id}/template/${id}`;
    const number = Number.isInteger(wanted) && wanted > 0 ? wanted : 0;
    const [template, { data: version }] = await Promise.all([
      readTemplate(api, service.id, id),
      api.get<{ data: TemplateVersion }>(`${path}/version/${number}`),
    ]);
    const { name, subject, content, process_type, has_unsubscribe_link } = version;
    const outcome = await api.send<{ data: Template }>(
      'POST',
      path,
      {
        ...{ name, content, process_type, created_by: person.id, archived: false },
        ...(template.template_type === 'email' && { subject, has_unsubscribe_link }),
        version: template.version,
      },
      form.id,
    );
    if (!outcome.ok) throw new Unexpected(outcome);
    const saved = outcome.data.data.version;
    if (saved === template.version)
      return redirect(at(`/templates/${template.id}`), { notDone: 'It is like that already.' });
    return redirect(
      at(`/templates/${template.id}?since=${template.version}`),
      `Version ${number} is restored, as version ${saved}.`,
    );
  },
});

function versionView(
  { fields, at, zone }: ServiceVisit,
  template: Template,
  version: TemplateVersion,
  before: TemplateVersion | null,
): Html {
  const { version: number, created_by: author } = version;
  const isNow = number === template.version;
  return html`<section class="app-version">${heading(2, html`Version ${number}${isNow ? ', in use now' : ''}`)}${paragraph(html`<span dir="auto">${author.name}</span>, ${timeInWords(version.updated_at ?? version.created_at, zone)}`)}${changesView(version, before)}${
    isNow && !template.archived
      ? null
      : postForm(
          { action: at(`/templates/${template.id}/versions`), fields },
          html`<input type="hidden" name="version" value="${number}">`,
          button({
            text: html`Restore<span class="govuk-visually-hidden"> version ${number}</span>`,
            classes: 'govuk-button--secondary',
            preventDoubleClick: true,
          }),
        )
  }</section>`;
}

/** A version, and how it differs from the one before; the first, or one whose predecessor is on the next page, as it is. */
function changesView(version: TemplateVersion, before: TemplateVersion | null): Html {
  const older = before ?? version;
  const notes = [
    version.archived !== older.archived &&
      (version.archived ? 'The template was deleted.' : 'The template was restored.'),
    version.has_unsubscribe_link !== older.has_unsubscribe_link &&
      (version.has_unsubscribe_link
        ? 'A link to unsubscribe was added.'
        : 'The link to unsubscribe was taken out.'),
    version.process_type !== older.process_type &&
      (version.process_type === 'priority'
        ? 'Its messages overtake others.'
        : 'Its messages no longer overtake others.'),
  ];
  const part = (label: string, oldText: string, newText: string) =>
    html`<h3 class="govuk-heading-s govuk-!-margin-bottom-1">${label}</h3>${differenceView(wordDifference(oldText, newText))}`;
  return html`${notes.flatMap((note) => (note === false ? [] : [paragraph(note)]))}${
    version.name === older.name ? null : part('Name', older.name, version.name)
  }${version.template_type === 'email' ? part('Subject', older.subject ?? '', version.subject ?? '') : null}${part('Message', older.content, version.content)}`;
}

/** Templates that were deleted, and back with them. */
export const deletedPage = servicePage('/templates/deleted', 'manage_templates', {
  async get({ api, service, at, query, fields, zone }) {
    const olderThan = query.get('older_than');
    const { data, links } = await api.get<Page<Template>>(
      `/service/${service.id}/template?archived=True${olderThan ? `&older_than=${encodeURIComponent(olderThan)}` : ''}`,
    );
    const shown = data.slice(0, 50);
    const isMore = data.length > shown.length || links !== undefined;
    const rows = shown.map(({ id, name, template_type: type, updated_at, created_at }) => [
      { content: link(at(`/templates/${id}`), html`<span dir="auto">${name}</span>`), header: true },
      typeNames[type],
      timeOf(updated_at ?? created_at, zone),
      postForm(
        { action: at('/templates/deleted'), fields },
        html`<input type="hidden" name="template" value="${id}">`,
        button({
          text: html`Restore<span class="govuk-visually-hidden"> ${name}</span>`,
          classes: 'govuk-button--secondary govuk-!-margin-bottom-0',
          preventDoubleClick: true,
        }),
      ),
    ]);
    return page(
      'Deleted templates',
      html`${heading(1, 'Deleted templates')}${table({
        caption: 'Deleted templates',
        captionClasses: 'govuk-visually-hidden',
        head: ['Name', 'Type', 'Deleted', 'Restore'],
        rows,
        empty: 'No template has been deleted.',
      })}${pagination({
        previous: olderThan ? { href: at('/templates/deleted'), text: 'Newest' } : null,
        next: isMore
          ? { href: at(`/templates/deleted?older_than=${shown.at(-1)?.id}`), text: 'Older' }
          : null,
      })}`,
      { wide: true, back: { href: at('/templates'), text: 'Templates' } },
    );
  },
  async post({ api, service, at, person }, form) {
    const { id } = await readTemplate(api, service.id, form.text('template'));
    const outcome = await api.send(
      'POST',
      `/service/${service.id}/template/${id}`,
      { archived: false, created_by: person.id },
      form.id,
    );
    if (!outcome.ok) throw new Unexpected(outcome);
    return redirect(at(`/templates/${id}`), 'The template is restored. It is in no folder.');
  },
});
