/**
 * What a text message costs by country, and what the country's networks can do (spec 03 section 1.5). An operator
 * replaces the table with a file; the product's own counts one unit everywhere.
 */
import { GEOGRAPHIC_CALLING_CODES } from './numbering-plan.ts';

export type Rate = {
  /** Countries or territories that share the prefix. */
  readonly names: readonly string[];
  /** Billable units per fragment of a message; a whole number from 1. */
  readonly multiplier: number;
  /** Names as senders do not arrive there: a message of the platform's own needs a number as its sender. */
  readonly needsNumericSender: boolean;
  /** Whether a delivery receipt from there means anything; if not, a message stays `sent`. */
  readonly trustsReceipts: boolean;
};

/** By dialling prefix: digits without plus, a calling code or, in North America, `1` and three digits. */
export type Rates = ReadonlyMap<string, Rate>;

/** The entry of the Crown dependencies, the only one that every table must have (spec 03 section 1.4). */
const HOME_CODE = '44';

/** Calling codes of which it is known that receipts mean something; of any other it is not (spec 05, section 5.5). */
const reporting: ReadonlySet<string> = new Set([HOME_CODE, '33', '7', '852']);

/**
 * The table of an installation without a file of its own: every calling code of a country or territory, one unit.
 * Codes of no country are left out, because satellite and premium networks cost a hundred times as much; an operator
 * who wants them says so in a file.
 */
export const DEFAULT_RATES: Rates = new Map(
  GEOGRAPHIC_CALLING_CODES.map((code) => [
    code,
    { names: [], multiplier: 1, needsNumericSender: false, trustsReceipts: reporting.has(code) },
  ]),
);

export type RatesOutcome = { ok: true; rates: Rates } | { ok: false; errors: readonly string[] };

/**
 * Reads a table from JSON text in the form of spec 03 section 1.5: an object from prefix to
 * `{names, billable_units, attributes: {alpha, dlr, …}}`. Says everything that is wrong, one sentence each;
 * further attributes are ignored.
 */
export function parseRates(json: string): RatesOutcome {
  let content: unknown;
  try {
    content = JSON.parse(json);
  } catch (error) {
    return { ok: false, errors: [`The rates are not JSON: ${(error as Error).message}`] };
  }
  if (!isObject(content)) return { ok: false, errors: ['The rates must be an object from prefix to rate'] };

  const errors: string[] = [];
  const rates = new Map<string, Rate>();
  for (const [prefix, entry] of Object.entries(content)) {
    const complain = (problem: string) => errors.push(`Prefix "${prefix}" ${problem}`);
    if (!/^[1-9]\d{0,6}$/.test(prefix))
      complain('must be 1 to 7 digits without plus, of which the first is not 0');
    const rate = parseRate(entry, complain);
    if (rate) rates.set(prefix, rate);
  }
  if (!Object.hasOwn(content, HOME_CODE))
    errors.push(
      `Prefix "${HOME_CODE}" is missing: it holds the rate of Jersey, Guernsey and the Isle of Man`,
    );
  return errors.length > 0 ? { ok: false, errors } : { ok: true, rates };
}

function parseRate(entry: unknown, complain: (problem: string) => void): Rate | null {
  if (!isObject(entry)) {
    complain('must hold an object');
    return null;
  }
  const { names, billable_units: multiplier, attributes } = entry;
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    complain('must have names, a list of texts');
  if (!Number.isSafeInteger(multiplier) || (multiplier as number) < 1)
    complain('must have billable_units, a whole number from 1');
  if (!isObject(attributes)) {
    complain('must have attributes, an object');
    return null;
  }
  const { alpha, dlr } = attributes;
  if (!isTextOrAbsent(alpha)) complain('must have a text or null as attributes.alpha');
  if (!isTextOrAbsent(dlr)) complain('must have a text or null as attributes.dlr');
  return {
    names: names as string[],
    multiplier: multiplier as number,
    needsNumericSender: alpha === 'NO',
    trustsReceipts: typeof dlr === 'string' && dlr.toLowerCase() === 'yes',
  };
}

/**
 * The key under which a number is charged: its calling code, or for calling code 1 the code with the area code
 * where the table has that (`1664`). Calling code and national number in digits. Spec 03 section 1.4.
 */
export function prefixOf(callingCode: string, nationalNumber: string, rates: Rates): string {
  if (callingCode !== '1') return callingCode;
  const withArea = `1${nationalNumber.slice(0, 3)}`;
  return rates.has(withArea) ? withArea : callingCode;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextOrAbsent(value: unknown): boolean {
  return value === null || value === undefined || typeof value === 'string';
}
