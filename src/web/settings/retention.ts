import { html } from '../../ground/html.ts';
import { heading, paragraph, warningText } from '../components/content.ts';
import { button, input, postForm } from '../components/form.ts';
import { type Answer, type Page, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, noFaults } from '../words/faults.ts';
import { sentences } from './service.ts';

export type Retention = Readonly<{ id: string; notification_type: string; days_of_retention: number }>;

/** Where a service has said nothing (spec 04, section 1.13). */
export const defaultDays = 7;

const types = [
  ['sms', 'Text messages and received texts'],
  ['email', 'Emails'],
] as const;

async function readAll({ api, service }: ServiceVisit): Promise<readonly Retention[]> {
  return api.get<readonly Retention[]>(`/service/${service.id}/data-retention`);
}

const daysOf = (all: readonly Retention[], type: string) =>
  all.find(({ notification_type }) => notification_type === type)?.days_of_retention ?? defaultDays;

type Values = Readonly<Record<string, string>>;

function retentionForm(
  { at, fields }: ServiceVisit,
  values: Values,
  isShorter: boolean,
  faults: Faults,
): Answer {
  return page(
    'How long messages are kept',
    html`${faultSummary(faults)}${heading(1, 'How long messages are kept')}${paragraph('After these days nobody can see recipients and contents any more. Figures stay.')}${
      isShorter
        ? warningText('Messages that are older are deleted in the coming night. They cannot be brought back.')
        : null
    }${postForm(
      { action: at('/settings/retention'), fields },
      html`${types.map(([type, label]) =>
        input({
          name: type,
          label,
          hint: 'Days, from 3 to 90.',
          value: values[type] ?? '',
          error: errorAt(faults, type),
          classes: 'govuk-input--width-4',
          attributes: { inputmode: 'numeric' },
        }),
      )}`,
      isShorter
        ? html`<input type="hidden" name="sure" value="${types.map(([type]) => values[type]).join(' ')}">`
        : null,
      button({
        text: isShorter ? 'Delete older messages' : 'Save',
        classes: isShorter ? 'govuk-button--warning' : '',
        preventDoubleClick: true,
      }),
    )}`,
    { ...answering(faults), back: { href: at('/settings'), text: 'Settings' } },
  );
}

const retention = servicePage('/settings/retention', 'manage_settings', {
  async get(visit) {
    const all = await readAll(visit);
    const values = Object.fromEntries(types.map(([type]) => [type, String(daysOf(all, type))]));
    return retentionForm(visit, values, false, noFaults);
  },
  async post(visit, form) {
    const { api, service, at } = visit;
    const values = Object.fromEntries(types.map(([type]) => [type, form.text(type).trim()]));
    const wrong = types.filter(([type]) => !/^\d{1,3}$/.test(values[type]!));
    if (wrong.length > 0)
      return retentionForm(
        visit,
        values,
        false,
        Object.fromEntries(wrong.map(([type]) => [type, 'Enter a number of days.'])),
      );
    const all = await readAll(visit);
    const changes = types.filter(([type]) => Number(values[type]) !== daysOf(all, type));
    const isShorter = changes.some(([type]) => Number(values[type]) < daysOf(all, type));
    const isSure = form.text('sure') === types.map(([type]) => values[type]).join(' ');
    if (isShorter && !isSure) return retentionForm(visit, values, true, noFaults);
    for (const [type] of changes) {
      const known = all.find(({ notification_type }) => notification_type === type);
      const base = `/service/${service.id}/data-retention`;
      const days = { days_of_retention: Number(values[type]) };
      const saved = known
        ? await api.send('POST', `${base}/${known.id}`, days, `${form.id}-${type}`)
        : await api.send('POST', base, { notification_type: type, ...days }, `${form.id}-${type}`);
      if (!saved.ok) {
        const text = sentences(saved).replace(/^days_of_retention /, '');
        return retentionForm(visit, values, false, { [type]: text });
      }
    }
    return redirect(at('/settings'), 'Saved.');
  },
});

export const retentionPages: readonly Page[] = [retention];
