import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import { type Answer, page, redirect, type ServiceVisit, servicePage, Unexpected } from '../frame/page.ts';
import { timeInWords } from '../words/times.ts';
import { parseAmount } from './costs.ts';
import type { Alert } from './usage.ts';

const periods = ['month', 'year'] as const;
type Period = (typeof periods)[number];
type Filled = Readonly<Record<Period, string>>;

const labels: Readonly<Record<Period, string>> = {
  month: 'Amount in a month',
  year: 'Amount in a financial year, from April',
};
const fault = 'Enter an amount in pounds, such as 500 or 12.50, or leave it empty';

const apiPath = ({ service }: ServiceVisit) => `/service/${service.id}/cost-alerts`;

function form(
  visit: ServiceVisit,
  filled: Filled,
  faulty: readonly Period[],
  alerts: readonly Alert[],
): Answer {
  const { at, fields, zone } = visit;
  const main = html`${errorSummary(faulty.map((period) => ({ text: fault, href: `#${period}` })))}${heading(1, 'Be told at an amount')}${paragraph(
    'When texts have cost this much, everybody who manages settings gets an email, within about an hour and once for each amount. Messages are still sent.',
  )}${postForm(
    { action: at('/usage/alert'), fields },
    ...periods.map((period) => {
      const told = alerts.find((one) => one.period === period)?.told_at ?? null;
      return input({
        name: period,
        label: labels[period],
        prefix: '£',
        value: filled[period],
        classes: 'govuk-input--width-10',
        error: faulty.includes(period) ? { text: fault } : null,
        hint:
          told === null
            ? 'Leave it empty to tell nobody.'
            : `Told last on ${timeInWords(told, zone)}. Leave it empty to tell nobody.`,
        attributes: { inputmode: 'decimal', autocomplete: 'off', spellcheck: 'false' },
      });
    }),
    button({ text: 'Save', preventDoubleClick: true }),
  )}`;
  return page('Be told at an amount', main, {
    isError: faulty.length > 0,
    status: faulty.length > 0 ? 400 : 200,
    back: { href: at('/usage'), text: 'Usage' },
  });
}

export const costAlert = servicePage('/usage/alert', 'manage_settings', {
  async get(visit) {
    const { data } = await visit.api.get<{ data: readonly Alert[] }>(apiPath(visit));
    const of = (wanted: Period) => {
      const amount = data.find(({ period }) => period === wanted)?.amount_in_pounds;
      return amount === undefined ? '' : Number.isInteger(amount) ? String(amount) : amount.toFixed(2);
    };
    return form(visit, { month: of('month'), year: of('year') }, [], data);
  },
  async post(visit, given) {
    const filled: Filled = { month: given.text('month').trim(), year: given.text('year').trim() };
    const faulty = periods.filter((period) => filled[period] !== '' && parseAmount(filled[period]) === null);
    if (faulty.length > 0) return form(visit, filled, faulty, []);
    for (const period of periods) {
      const body = { period, amount_in_pounds: parseAmount(filled[period]) };
      const saved = await visit.api.send('POST', apiPath(visit), body, `${given.id}-${period}`);
      if (!saved.ok) throw new Unexpected(saved);
    }
    const isSet = periods.some((period) => filled[period] !== '');
    return redirect(visit.at('/usage'), isSet ? 'The amounts are saved.' : 'Nobody is told any more.');
  },
});
