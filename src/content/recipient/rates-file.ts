import { readFileSync } from 'node:fs';
import { ConfigError } from '../../ground/config-error.ts';
import { DEFAULT_RATES, parseRates, type Rates } from './international-rates.ts';

/** The rates of SMS_RATES_FILE, or the table in the box where `path` is null. Throws a ConfigError that says what is wrong. */
export function readRates(path: string | null): Rates {
  if (path === null) return DEFAULT_RATES;
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`SMS_RATES_FILE names ${path}, which cannot be read.`, { cause });
  }
  const outcome = parseRates(text);
  if (!outcome.ok)
    throw new ConfigError(`SMS_RATES_FILE is not a table of rates: ${outcome.errors.join(' ')}`);
  return outcome.rates;
}
