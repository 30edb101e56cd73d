/** What a service pays, as the API says it (spec 04, section 7.4), and in sentences. */
import { counted, inFigures, inPounds } from '../words/counts.ts';
import { dateFormat } from '../words/times.ts';

type Figures = Readonly<{
  messages: number;
  fragments: number | null;
  units: number;
  free_units: number | null;
  charged_units: number | null;
  /** null: no rate is known for a part, or the entry is of a file. */
  cost_in_pounds: number | null;
  full_cost_in_pounds: number | null;
}>;

export type Entry = Figures &
  Readonly<{
    month?: string;
    template_id?: string;
    template_name?: string;
    job_id?: string;
    original_file_name?: string;
    notification_type: 'sms' | 'email';
  }>;

export type Costs = Readonly<{
  data: readonly Entry[];
  total: Readonly<{
    emails: number;
    texts: number;
    fragments: number;
    units: number;
    free_units: number;
    charged_units: number;
    cost_in_pounds: number | null;
    full_cost_in_pounds: number | null;
  }>;
  allowances: readonly Readonly<{
    financial_year_start: number;
    free_units: number;
    used_units: number;
    left_units: number;
  }>[];
  rates: readonly Readonly<{ from: string; to: string; rate: number | null }>[];
  rate_missing: readonly Readonly<{ from: string; to: string }>[];
  forecast: Readonly<{
    month: string;
    units: number;
    charged_units: number;
    cost_in_pounds: number | null;
  }> | null;
}>;

/** A month of texts and emails beside each other. */
export type Month = Readonly<{
  month: string;
  texts: number;
  fragments: number;
  units: number;
  free: number;
  charged: number;
  /** null: no rate is known for a part. */
  cost: number | null;
  emails: number;
}>;

/** The financial year that a day belongs to: it begins on 1 April of it. */
export function financialYearOf(day: string): number {
  return Number(day.slice(0, 4)) - (day.slice(5) < '04-01' ? 1 : 0);
}

/** Its days, and its months YYYY-MM in order. */
export function financialYear(
  year: number,
): Readonly<{ from: string; to: string; months: readonly string[] }> {
  const months = Array.from({ length: 12 }, (_, index) => {
    const month = ((index + 3) % 12) + 1;
    return `${month < 4 ? year + 1 : year}-${String(month).padStart(2, '0')}`;
  });
  return { from: `${year}-04-01`, to: `${year + 1}-03-31`, months };
}

/** "2026 to 2027". */
export const yearText = (year: number): string => `${year} to ${year + 1}`;

/** "November 2026", of 2026-11. */
export function monthText(month: string): string {
  return dateFormat('UTC', { month: 'long', year: 'numeric' }).format(Date.parse(`${month}-15T00:00:00Z`));
}

/** Each month of the year up to the present one; what has no messages is 0. */
export function monthsOf(year: number, today: string, data: readonly Entry[]): readonly Month[] {
  return financialYear(year)
    .months.filter((month) => month <= today.slice(0, 7))
    .map((month) => {
      const texts = data.find((one) => one.month === month && one.notification_type === 'sms');
      const emails = data.find((one) => one.month === month && one.notification_type === 'email');
      return {
        ...{ month, texts: texts?.messages ?? 0, fragments: texts?.fragments ?? 0, units: texts?.units ?? 0 },
        ...{ free: texts?.free_units ?? 0, charged: texts?.charged_units ?? 0 },
        cost: texts ? texts.cost_in_pounds : 0,
        emails: emails?.messages ?? 0,
      };
    });
}

/** Money in words, or that nobody knows. */
export const moneyText = (pounds: number | null): string =>
  pounds === null ? 'not known' : inPounds(pounds);

/** What this month will cost, in one sentence (spec 07, journey 9); null: the year is over or to come. */
export function forecastSentence(
  { forecast }: Pick<Costs, 'forecast'>,
  months: readonly Month[],
): string | null {
  if (forecast === null) return null;
  const name = monthText(forecast.month);
  const soFar = months.find(({ month }) => month === forecast.month)?.cost ?? 0;
  if (forecast.cost_in_pounds === null)
    return `What ${name} will cost is not known, because a rate is missing.`;
  if (forecast.cost_in_pounds === 0)
    return forecast.units === 0
      ? `${name} will cost nothing: no texts are being sent.`
      : `${name} will cost nothing: its texts are within the free allowance.`;
  return `${name} will cost about ${inPounds(forecast.cost_in_pounds)}: ${inPounds(soFar)} so far, and then as many texts a day as in the last 7 days.`;
}

/** What the year has cost, and what is left of its allowance. */
export function yearSentence(
  { total, allowances }: Pick<Costs, 'total' | 'allowances'>,
  year: number,
): string {
  const cost =
    total.cost_in_pounds === null
      ? `What ${yearText(year)} has cost is not known, because a rate is missing`
      : `${yearText(year)} has cost ${inPounds(total.cost_in_pounds)}`;
  const what = `${counted(total.texts, 'text message')} of ${counted(total.fragments, 'fragment')}, and ${counted(total.emails, 'email')}, which cost nothing`;
  const allowance = allowances.find(({ financial_year_start: start }) => start === year);
  const free =
    !allowance || allowance.free_units === 0
      ? 'No texts are free.'
      : allowance.left_units === 0
        ? `All ${inFigures(allowance.free_units)} free fragments are used.`
        : `${inFigures(allowance.used_units)} of ${inFigures(allowance.free_units)} free fragments are used.`;
  return `${cost}: ${what}. ${free}`;
}

/** Days of which nobody knows what a text costs, in a sentence; null: there are none. */
export function missingSentence({ rate_missing: missing }: Pick<Costs, 'rate_missing'>): string | null {
  if (missing.length === 0) return null;
  const days = missing.map(({ from, to }) =>
    from === to ? dateText(from) : `${dateText(from)} to ${dateText(to)}`,
  );
  return `No rate is set for ${days.join(', ')}: what was sent then is not in the money below. The people who run this platform can set it.`;
}

/** "1 April 2026". */
function dateText(day: string): string {
  return dateFormat('UTC', { day: 'numeric', month: 'long', year: 'numeric' }).format(
    Date.parse(`${day}T00:00:00Z`),
  );
}

/** Pounds as somebody types them, such as "£1,250.50", in whole pennies; null: that is no amount. */
export function parseAmount(text: string): number | null {
  const digits = text.replace(/[\s£,]/g, '');
  if (!/^\d{1,8}(\.\d{1,2})?$/.test(digits)) return null;
  const amount = Number(digits);
  return amount >= 0.01 && amount <= 10_000_000 ? amount : null;
}
