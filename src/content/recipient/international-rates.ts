/**
 * What a text message costs by country, and what the country's networks support (spec 03, section 1.5). Operators
 * replace the built-in table by a file: `rates-2026.json` is our estimate of November 2026 from public price lists (one
 * unit for each 5 US cents per fragment, and what they say about senders and receipts), not anybody's contract.
 */
import { ConfigError } from '../../ground/problem.ts';
import { readTextFile } from '../../ground/text.ts';
import builtIn from './rates-2026.json' with { type: 'json' };

export type Rate = {
  /** Countries or territories that share the prefix. */
  readonly names: readonly string[];
  /** Billable units per fragment; an integer from 1. */
  readonly multiplier: number;
  /** Alphanumeric senders are not possible there, so the platform's own messages need a number as sender. */
  readonly needsNumericSender: boolean;
  /** Whether delivery receipts from there are meaningful; if not, messages stay `sent`. */
  readonly trustsReceipts: boolean;
};

/** By dialling prefix, digits without plus: a calling code or, in North America, `1` and an area code. */
export type Rates = ReadonlyMap<string, Rate>;

/** The rate of the Crown dependencies, the only one that every table must have (spec 03, section 1.4). */
const ukCode = '44';

export type RatesOutcome = { ok: true; rates: Rates } | { ok: false; errors: readonly string[] };

/**
 * Parses a table from JSON text: an object from prefix to `{names, billable_units, attributes: {alpha, dlr, …}}`; other
 * attributes are ignored (spec 03, section 1.5). `errors` has a sentence for everything that is wrong.
 */
export function parseRates(json: string): RatesOutcome {
  let content: unknown;
  try {
    content = JSON.parse(json);
  } catch (error) {
    return { ok: false, errors: [`The rates are not JSON: ${(error as Error).message}`] };
  }
  return ratesFrom(content);
}

function ratesFrom(content: unknown): RatesOutcome {
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
  if (!Object.hasOwn(content, ukCode))
    errors.push(`Prefix "${ukCode}" is missing: it holds the rate of Jersey, Guernsey and the Isle of Man`);
  return errors.length > 0 ? { ok: false, errors } : { ok: true, rates };
}

function parseRate(entry: unknown, complain: (problem: string) => void): Rate | null {
  if (!isObject(entry)) {
    complain('must hold an object');
    return null;
  }
  const { names, billable_units: multiplier, attributes } = entry;
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string'))
    complain('must have names, a list of strings');
  if (!Number.isSafeInteger(multiplier) || (multiplier as number) < 1)
    complain('must have billable_units, a whole number from 1');
  if (!isObject(attributes)) {
    complain('must have attributes, an object');
    return null;
  }
  const { alpha, dlr } = attributes;
  if (!isTextOrAbsent(alpha)) complain('must have a string or null as attributes.alpha');
  if (!isTextOrAbsent(dlr)) complain('must have a string or null as attributes.dlr');
  return {
    names: names as string[],
    multiplier: multiplier as number,
    needsNumericSender: alpha === 'NO',
    trustsReceipts: typeof dlr === 'string' && dlr.toLowerCase() === 'yes',
  };
}

/**
 * The rates key of a number, given in digits: its calling code, or for calling code 1 the code with the area code if
 * the table has that (`1664`) (spec 03, section 1.4).
 */
export function prefixOf(callingCode: string, nationalNumber: string, rates: Rates): string {
  if (callingCode !== '1') return callingCode;
  const withArea = `1${nationalNumber.slice(0, 3)}`;
  return rates.has(withArea) ? withArea : callingCode;
}

const parsedBuiltIn = ratesFrom(builtIn);
if (!parsedBuiltIn.ok) throw new Error(parsedBuiltIn.errors.join(' '));

/**
 * The built-in table, with every calling code of a country or territory. Codes without a country are left out, because
 * satellite and premium networks cost a hundred times as much; operators who want them use a file.
 */
export const defaultRates: Rates = parsedBuiltIn.rates;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTextOrAbsent(value: unknown): boolean {
  return value === null || value === undefined || typeof value === 'string';
}

/**
 * Reads the file of SMS_RATES_FILE; `path` null gives the built-in table. Throws a ConfigError that says what is wrong.
 */
export function readRates(path: string | null): Rates {
  if (path === null) return defaultRates;
  const outcome = parseRates(readTextFile(path, 'SMS_RATES_FILE'));
  if (!outcome.ok)
    throw new ConfigError(`SMS_RATES_FILE is not a table of rates: ${outcome.errors.join(' ')}`);
  return outcome.rates;
}
