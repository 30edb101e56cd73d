/**
 * The world's numbering plans: the metadata of libphonenumber-js with every pattern compiled once, and the local-only
 * lengths that it lacks. Why the library's own parser is not used: docs/decisions/0005-phone-numbers.md.
 * numbering-plan.test.ts compares the plans with google-libphonenumber.
 */
import { type CountryCode, Metadata } from 'libphonenumber-js/core';
import metadata from 'libphonenumber-js/max/metadata';

/** The type of a number, as libphonenumber names it. */
export type NumberType = (typeof specialTypes)[number] | 'FIXED_LINE' | 'MOBILE' | 'FIXED_LINE_OR_MOBILE';

/** The types that are tried before fixed lines and mobiles, in libphonenumber's order. */
const specialTypes = [
  'PREMIUM_RATE',
  'TOLL_FREE',
  'SHARED_COST',
  'VOIP',
  'PERSONAL_NUMBER',
  'PAGER',
  'UAN',
  'VOICEMAIL',
] as const;

/** `local-only`: can be dialled only within its own area. */
export type LengthResult = 'possible' | 'local-only' | 'too-short' | 'too-long' | 'invalid';

/** One format for national numbers; replacements use `$1`, `$2` for the groups of the pattern. */
export type NumberFormat = {
  readonly leadingDigits: RegExp | null;
  readonly pattern: RegExp;
  readonly international: string;
  readonly national: string;
};

type TypePattern = { readonly lengths: readonly number[]; readonly pattern: RegExp };

/** The rules of one country, or of a calling code that belongs to no country. */
export type NumberingPlan = {
  /** ISO code of the country, or the calling code if there is none. */
  readonly region: string;
  readonly callingCode: string;
  readonly internationalPrefix: RegExp | null;
  readonly nationalPrefix: RegExp | null;
  /** Replacement for a matched national prefix that is not simply removed. */
  readonly prefixTransform: string | null;
  readonly leadingDigits: RegExp | null;
  readonly general: RegExp;
  readonly lengths: readonly number[];
  readonly localLengths: readonly number[];
  readonly specialTypes: readonly (TypePattern & { readonly type: NumberType })[];
  readonly fixedLine: TypePattern | null;
  /** `same` if fixed lines and mobiles share one pattern. */
  readonly mobile: TypePattern | 'same' | null;
  readonly formats: readonly NumberFormat[];
};

/** The library's numbering plan at run time; its published types cover only a part of it. */
type PlanData = {
  callingCode(): string;
  IDDPrefix(): string | 0;
  nationalPrefixForParsing(): string | 0 | undefined;
  nationalPrefixTransformRule(): string | 0 | undefined;
  leadingDigits(): string | 0 | undefined;
  nationalNumberPattern(): string;
  possibleLengths(): number[];
  type(name: string): { pattern(): string; possibleLengths(): number[] } | undefined;
  formats(): {
    pattern(): string;
    format(): string;
    internationalFormat(): string;
    leadingDigitsPatterns(): string[];
    nationalPrefixFormattingRule(): string | 0 | undefined;
  }[];
};

const whole = (pattern: string) => new RegExp(`^(?:${pattern})$`);
const start = (pattern: string | 0 | undefined) => (pattern ? new RegExp(`^(?:${pattern})`) : null);

function compile(region: string): NumberingPlan {
  const library = new Metadata(metadata);
  library.selectNumberingPlan(region as CountryCode);
  const data = library.numberingPlan as unknown as PlanData;
  const callingCode = data.callingCode();
  const patternOf = (name: string): TypePattern | null => {
    const type = data.type(name);
    return type?.pattern() ? { pattern: whole(type.pattern()), lengths: type.possibleLengths() } : null;
  };
  return {
    region,
    callingCode,
    internationalPrefix: start(data.IDDPrefix()),
    nationalPrefix: start(data.nationalPrefixForParsing()),
    prefixTransform: data.nationalPrefixTransformRule() || null,
    leadingDigits: start(data.leadingDigits()),
    general: whole(data.nationalNumberPattern()),
    lengths: data.possibleLengths(),
    localLengths: localNumberLengths[callingCode] ?? [],
    specialTypes: specialTypes.flatMap((type) => {
      const pattern = patternOf(type);
      return pattern ? [{ type, ...pattern }] : [];
    }),
    fixedLine: patternOf('FIXED_LINE'),
    // The library marks a duplicate of the fixed-line pattern by an empty one.
    mobile: data.type('MOBILE')?.pattern() === '' ? 'same' : patternOf('MOBILE'),
    formats: data.formats().map((format) => {
      const rule = format.nationalPrefixFormattingRule();
      return {
        pattern: whole(format.pattern()),
        leadingDigits: start(format.leadingDigitsPatterns().at(-1)),
        international: format.internationalFormat(),
        national: rule ? format.format().replace(/\$\d/, () => rule) : format.format(),
      };
    }),
  };
}

/** The countries of each calling code, the main one first; a code without a country maps to itself. */
const regionsByCode: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...Object.entries(metadata.country_calling_codes),
  ...Object.keys(metadata.nonGeographic).map((code) => [code, [code]] as [string, string[]]),
]);

const plansByCode = new Map<string, readonly NumberingPlan[]>();

/** The plans that share a calling code, the main country's first; empty if there is no such code. */
export function plansOf(callingCode: string): readonly NumberingPlan[] {
  let plans = plansByCode.get(callingCode);
  if (!plans) {
    const regions = regionsByCode.get(callingCode);
    if (!regions) return [];
    // Compiled on first use, because most installations only ever see a few countries.
    plans = regions.map(compile);
    plansByCode.set(callingCode, plans);
  }
  return plans;
}

/** The calling code that an international number starts with, or null; no code is a prefix of another. */
export function callingCodeOf(digits: string): string | null {
  for (let length = 1; length <= 3 && length <= digits.length; length += 1) {
    const code = digits.slice(0, length);
    if (regionsByCode.has(code)) return code;
  }
  return null;
}

/** Compares the length of a national number, and nothing else, with its plan (libphonenumber's "possible number"). */
export function checkLength(nationalNumber: string, plan: NumberingPlan): LengthResult {
  const { length } = nationalNumber;
  if (plan.lengths.includes(length)) return 'possible';
  if (plan.localLengths.includes(length)) return 'local-only';
  if (length < (plan.lengths[0] ?? 0)) return 'too-short';
  return length > (plan.lengths.at(-1) ?? 0) ? 'too-long' : 'invalid';
}

/** The type of a national number within one plan; null if it is not valid there. */
function typeOf(nationalNumber: string, plan: NumberingPlan): NumberType | null {
  if (!plan.general.test(nationalNumber)) return null;
  for (const special of plan.specialTypes) if (matches(nationalNumber, special)) return special.type;
  const mobile = plan.mobile !== 'same' && plan.mobile !== null && matches(nationalNumber, plan.mobile);
  if (plan.fixedLine && matches(nationalNumber, plan.fixedLine))
    return mobile || plan.mobile === 'same' ? 'FIXED_LINE_OR_MOBILE' : 'FIXED_LINE';
  return mobile ? 'MOBILE' : null;
}

function matches(nationalNumber: string, { lengths, pattern }: TypePattern): boolean {
  return lengths.includes(nationalNumber.length) && pattern.test(nationalNumber);
}

/**
 * The country of a number among those that share its calling code, and its type there; null if the number is not valid
 * in any of them (libphonenumber's "valid number").
 */
export function regionAndTypeOf(
  callingCode: string,
  nationalNumber: string,
): { region: string; type: NumberType } | null {
  const plans = plansOf(callingCode);
  for (const plan of plans) {
    // If a country has leading digits, they decide alone.
    if (plans.length > 1 && plan.leadingDigits && !plan.leadingDigits.test(nationalNumber)) continue;
    const type = typeOf(nationalNumber, plan);
    if (type) return { region: plan.region, type };
    if (plan.leadingDigits) return null;
  }
  return null;
}

/**
 * Lengths of numbers that can be dialled only within their own area, by calling code. They are part of libphonenumber's
 * data, but libphonenumber-js leaves them out. Nothing can be sent to such a number; the lengths only decide between
 * error texts: one of local length is too short, unless it makes sense as an international number (spec 03, section 1.2
 * rule 4).
 */
const localNumberLengths: Readonly<Record<string, readonly number[]>> = {
  '1': [7],
  '7': [7],
  '20': [6, 7],
  '36': [6, 7],
  '43': [3],
  '44': [4, 5, 6, 8],
  '49': [2, 3],
  '51': [6, 7],
  '52': [7, 8],
  '53': [4, 5],
  '54': [6, 7, 8],
  '57': [4, 7],
  '58': [7],
  '60': [6, 7],
  '62': [5, 6],
  '63': [4, 5, 7],
  '82': [3, 4, 7],
  '86': [5, 6],
  '91': [6, 7],
  '92': [5, 6, 7],
  '93': [7],
  '94': [7],
  '95': [5],
  '98': [8],
  '218': [7],
  '232': [6],
  '233': [7],
  '234': [6, 7],
  '251': [7],
  '256': [5, 6, 7],
  '260': [6],
  '261': [7],
  '263': [3, 4, 5, 6],
  '269': [4],
  '291': [6],
  '353': [5, 6],
  '355': [5],
  '359': [4, 5],
  '374': [5, 6],
  '375': [5],
  '378': [6],
  '380': [5, 6, 7],
  '381': [4, 5],
  '382': [6],
  '385': [6],
  '387': [6],
  '389': [6, 7],
  '591': [7],
  '593': [7],
  '595': [5],
  '672': [5],
  '850': [6, 7],
  '855': [6, 7],
  '856': [6],
  '963': [6, 7],
  '964': [6, 7],
  '966': [7],
  '967': [6],
  '970': [7],
  '975': [6],
  '976': [4, 5, 6],
  '977': [6, 7],
  '979': [8],
  '992': [3, 5, 6, 7],
  '994': [7],
  '995': [6, 7],
  '996': [5, 6],
};
