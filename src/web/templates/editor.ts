import { type Html, html } from '../../ground/html.ts';
import { heading, insetText, paragraph, warningText } from '../components/content.ts';
import { button, checkboxes, errorSummary, input, postForm, radios, textarea } from '../components/form.ts';
import type { Refused } from '../frame/api.ts';
import type { Form } from '../frame/form.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { wordDifference } from '../words/difference.ts';
import { examples } from './examples.ts';
import { sendOne } from './send-one.ts';
import {
  draftOf,
  placeholdersOf,
  readTemplate,
  type Template,
  type TemplateType,
  type TemplateVersion,
  typeNames,
  valuesOf,
} from './template.ts';
import {
  differenceView,
  mailButton,
  mailFile,
  mailFrame,
  previewHeading,
  previewRegion,
  renderDraft,
} from './view.ts';

/** What stands in the editor. */
type Written = Readonly<{
  type: TemplateType;
  name: string;
  subject: string;
  content: string;
  hasUnsubscribeLink: boolean;
}>;

type Editor = Readonly<{
  written: Written;
  /** What is changed; null: a new template. */
  template: Pick<Template, 'id' | 'version'> | null;
  folder: string | null;
  /** The form that was sent; null: the page is opened. */
  form: Form | null;
  errors?: Readonly<Record<string, string>>;
  /** What somebody else saved meanwhile. */
  theirs?: Readonly<{ template: Template; author: string | null }>;
}>;

const longestName = 255;

function writtenIn(form: Form, type: TemplateType): Written {
  return {
    type,
    name: form.text('name').trim(),
    subject: form.text('subject'),
    content: form.text('content'),
    hasUnsubscribeLink: form.has('unsubscribe'),
  };
}

const typeOf = (text: string | null): TemplateType | null =>
  text === 'sms' || text === 'email' ? text : null;

async function editorPage(visit: ServiceVisit, editor: Editor): Promise<Answer> {
  const { at, fields, service, person, may } = visit;
  const { written, template, folder, form, errors = {}, theirs } = editor;
  const { type } = written;
  const placeholders = placeholdersOf(written);
  const values = valuesOf(placeholders, form);
  const rendered = await renderDraft(visit.api, service.id, written, values);
  const title = template ? 'Edit template' : `New ${typeNames[type].toLowerCase()} template`;
  const action = template ? at(`/templates/${template.id}/edit`) : at('/templates/add');
  const draftMail = at('/templates/preview/mail');
  const ownAddress = type === 'sms' ? person.mobile : person.email;
  const error = (name: string) => (errors[name] === undefined ? null : { text: errors[name] });
  const isError = Object.keys(errors).length > 0 || theirs !== undefined;
  const editing = html`${input({ name: 'name', label: 'Template name', hint: 'Only your team sees it.', value: written.name, error: error('name'), attributes: { dir: 'auto', autocomplete: 'off' } })}${
    type === 'email'
      ? input({
          name: 'subject',
          label: 'Subject',
          value: written.subject,
          error: error('subject'),
          attributes: { dir: 'auto', autocomplete: 'off' },
        })
      : null
  }${textarea({ name: 'content', label: 'Message', hint: hintFor(type), value: written.content, rows: type === 'sms' ? 8 : 16, error: error('content'), attributes: { dir: 'auto', spellcheck: 'true' } })}${
    type === 'email'
      ? checkboxes({
          name: 'unsubscribe',
          legend: 'End of the email',
          classes: 'govuk-checkboxes--small',
          items: [{ value: '1', text: 'Add a link to unsubscribe', selected: written.hasUnsubscribeLink }],
        })
      : null
  }<div class="app-actions">${button({ text: theirs ? 'Save mine over it' : 'Save', name: 'do', value: 'save', preventDoubleClick: true })}${
    may(type === 'sms' ? 'send_texts' : 'send_emails') && ownAddress !== null && !theirs
      ? button({
          text: 'Save and send to myself',
          name: 'do',
          value: 'me',
          classes: 'govuk-button--secondary',
          preventDoubleClick: true,
        })
      : null
  }${button({ text: 'Preview', name: 'do', value: 'preview', classes: 'govuk-button--secondary app-without-script' })}${type === 'email' ? mailButton(draftMail) : null}</div>`;
  const shown = html`${previewHeading}${previewRegion(rendered, placeholders, values)}${
    type === 'email'
      ? mailFrame({
          from: template && form === null ? at(`/templates/${template.id}/mail`) : null,
          draft: draftMail,
        })
      : null
  }`;
  const hidden = html`<input type="hidden" name="type" value="${type}"><input type="hidden" name="folder" value="${folder ?? ''}"><input type="hidden" name="version" value="${theirs?.template.version ?? template?.version ?? ''}">`;
  return page(
    title,
    html`${errorSummary(Object.entries(errors).map(([name, text]) => ({ text, ...(['name', 'subject', 'content'].includes(name) && { href: `#${name}` }) })))}${heading(1, title)}${theirs ? conflictView(theirs, written) : null}${postForm(
      { action, fields, attributes: { 'data-preview': at('/templates/preview') } },
      hidden,
      html`<div class="app-columns"><div>${editing}</div><div>${shown}</div></div>`,
    )}`,
    {
      wide: true,
      isError,
      status: theirs ? 409 : isError ? 400 : 200,
      back: template
        ? { href: at(`/templates/${template.id}`), text: 'Back to the template' }
        : {
            href: at(`/templates${folder ? `?folder=${encodeURIComponent(folder)}` : ''}`),
            text: 'Templates',
          },
    },
  );
}

function hintFor(type: TemplateType): Html {
  const personal = html`Write ((name)) where each person gets something of their own.`;
  return type === 'sms'
    ? personal
    : html`${personal} Begin a line with # for a heading, * for a list, ^ for an important note.`;
}

function conflictView({ template, author }: NonNullable<Editor['theirs']>, written: Written): Html {
  const difference = (older: string, newer: string) => differenceView(wordDifference(older, newer));
  return html`${warningText(
    html`<span dir="auto">${author ?? 'Somebody else'}</span> saved version ${template.version} of this template while you were writing. Nothing of yours is lost: it is below, and not saved yet.`,
  )}${insetText(
    html`${heading(2, 'What they saved', 's')}${paragraph(html`<strong dir="auto">${template.name}</strong>`)}${
      template.template_type === 'email'
        ? paragraph(html`<span dir="auto">${template.subject ?? ''}</span>`)
        : null
    }<p class="app-difference govuk-body" dir="auto">${template.content}</p>${heading(2, 'How yours differs from it', 's')}${
      template.name === written.name ? null : difference(template.name, written.name)
    }${template.template_type === 'email' ? difference(template.subject ?? '', written.subject) : null}${difference(template.content, written.content)}`,
  )}`;
}

/** What is missing before anything is asked of the API. */
function faultsOf({ type, name, subject, content }: Written): Record<string, string> {
  return {
    ...(name === '' && { name: 'Enter a name for the template' }),
    ...(name.length > longestName && { name: `The name can have ${longestName} characters at most` }),
    ...(type === 'email' && subject.trim() === '' && { subject: 'Enter a subject' }),
    ...(content.trim() === '' && { content: 'Write a message' }),
  };
}

/** The API's refusal, by field of the editor. */
function errorsOf({ fields }: Refused): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, texts]) => [
      ['name', 'subject', 'content'].includes(name) ? name : 'content',
      texts.join(' '),
    ]),
  );
}

async function save(visit: ServiceVisit, form: Form, editor: Editor): Promise<Answer> {
  const { api, service, person, at } = visit;
  const { written, template, folder } = editor;
  if (form.text('do') === 'preview') return editorPage(visit, editor);
  const faults = faultsOf(written);
  if (Object.keys(faults).length > 0) return editorPage(visit, { ...editor, errors: faults });
  const { type, name, subject, content, hasUnsubscribeLink } = written;
  const base = `/service/${service.id}/template`;
  const outcome = await api.send<{ data: Template }>(
    'POST',
    template ? `${base}/${template.id}` : base,
    {
      ...{ name, content, created_by: person.id },
      ...(type === 'email' && { subject, has_unsubscribe_link: hasUnsubscribeLink }),
      ...(template ? { version: template.version } : { template_type: type, parent_folder_id: folder }),
    },
    form.id,
  );
  if (!outcome.ok && outcome.status === 409 && template) {
    const theirs = await readTemplate(api, service.id, template.id);
    if (theirs.version !== template.version) {
      const version = await api.getSoon<{ data: TemplateVersion }>(
        `${base}/${template.id}/version/${theirs.version}`,
      );
      return editorPage(visit, {
        ...editor,
        theirs: { template: theirs, author: version?.data.created_by.name ?? null },
      });
    }
  }
  if (!outcome.ok) return editorPage(visit, { ...editor, errors: errorsOf(outcome) });
  const saved = outcome.data.data;
  const isChanged = template !== null && saved.version !== template.version;
  const to = at(`/templates/${saved.id}${isChanged ? `?since=${template.version}` : ''}`);
  const said = !template
    ? 'Template saved.'
    : isChanged
      ? `Saved as version ${saved.version}.`
      : 'Nothing was changed.';
  if (form.text('do') !== 'me') return redirect(to, said);
  const refused = await sendOne(visit, saved, {
    to: (type === 'sms' ? person.mobile : person.email) ?? '',
    values: valuesOf(placeholdersOf(written), form),
    senderId: null,
    key: `${form.id} to myself`,
  });
  if ('id' in refused) return redirect(to, `${said} It is on its way to you.`);
  const again = { id: saved.id, version: saved.version };
  return editorPage(visit, {
    ...editor,
    template: again,
    errors: { send: `${said} It was not sent to you: ${refused.sentences.join(' ')}` },
  });
}

/** A new template: its type first, then the editor (spec 07, section 6). */
export const addPage = servicePage('/templates/add', 'manage_templates', {
  get(visit) {
    const { query } = visit;
    const example = examples.find(({ key }) => key === query.get('from'));
    const type = example?.type ?? typeOf(query.get('type'));
    const folder = query.get('folder') || null;
    if (type === null) return typePage(visit, folder, query.has('type'));
    const { name = '', subject = '', content = '' } = example ?? {};
    const written = { type, name, subject, content, hasUnsubscribeLink: false };
    return editorPage(visit, { written, template: null, folder, form: null });
  },
  post(visit, form) {
    const type = typeOf(form.text('type'));
    const folder = form.text('folder') || null;
    if (type === null) return typePage(visit, folder, true);
    return save(visit, form, { written: writtenIn(form, type), template: null, folder, form });
  },
});

function typePage({ at }: ServiceVisit, folder: string | null, isMissing: boolean): Answer {
  const error = isMissing ? { text: 'Choose what kind of message it is' } : null;
  return page(
    'New template',
    html`${errorSummary(error ? [{ ...error, href: '#type' }] : [])}<form method="get" action="${at('/templates/add')}" novalidate>${folder === null ? null : html`<input type="hidden" name="folder" value="${folder}">`}${radios(
      {
        name: 'type',
        legend: html`<h1 class="govuk-fieldset__heading">What kind of message is it?</h1>`,
        legendClasses: 'govuk-fieldset__legend--l',
        error,
        items: [
          { value: 'sms', text: 'Text message' },
          { value: 'email', text: 'Email' },
        ],
      },
    )}<input type="hidden" name="type" value="">${button({ text: 'Continue' })}</form>`,
    {
      isError: isMissing,
      status: isMissing ? 400 : 200,
      back: { href: at('/templates'), text: 'Templates' },
    },
  );
}

/** Changing a template (spec 07, journey 2). */
export const editPage = servicePage('/templates/:template/edit', 'manage_templates', {
  async get(visit) {
    const template = await readTemplate(visit.api, visit.service.id, visit.params['template']!);
    if (template.archived) return redirect(visit.at(`/templates/${template.id}`));
    const { type, subject, content } = draftOf(template);
    const { name, has_unsubscribe_link: hasUnsubscribeLink } = template;
    const written = { type, name, subject, content, hasUnsubscribeLink };
    return editorPage(visit, { written, template, folder: template.folder, form: null });
  },
  async post(visit, form) {
    const {
      id,
      template_type: type,
      folder,
      version: now,
    } = await readTemplate(visit.api, visit.service.id, visit.params['template']!);
    const edited = Number(form.text('version'));
    const version = Number.isInteger(edited) && edited > 0 && edited < 2 ** 31 ? edited : now;
    return save(visit, form, { written: writtenIn(form, type), template: { id, version }, folder, form });
  },
});

/** The part of the editor that changes while somebody types, for script; and the email in its frame. */
export const previewPage = servicePage('/templates/preview', 'manage_templates', {
  async post({ api, service }, form) {
    const written = writtenIn(form, typeOf(form.text('type')) ?? 'sms');
    const placeholders = placeholdersOf(written);
    const values = valuesOf(placeholders, form);
    const rendered = await renderDraft(api, service.id, written, values);
    return {
      kind: 'file',
      headers: { 'Content-Type': 'text/html; charset=utf-8' },
      body: previewRegion(rendered, placeholders, values).text,
    };
  },
});

export const draftMailPage = servicePage('/templates/preview/mail', 'manage_templates', {
  async post({ api, service }, form) {
    const written = writtenIn(form, 'email');
    const values = valuesOf(placeholdersOf(written), form);
    return mailFile(await renderDraft(api, service.id, written, values));
  },
});
