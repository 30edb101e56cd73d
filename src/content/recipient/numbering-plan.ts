/**
 * The world's numbering plans, from the metadata of libphonenumber-js, with every pattern compiled once.
 *
 * Why not the library's own `parsePhoneNumber`: it compiles its patterns anew for each number (33 to 68
 * microseconds for a British mobile, on the path of every accepted message), knows no local-only lengths, and
 * differs from the reference in what it strips. The data is the library's; the reading is in national-number.ts.
 */
import { type CountryCode, Metadata } from 'libphonenumber-js/core';
import metadata from 'libphonenumber-js/max/metadata';
import { LOCAL_NUMBER_LENGTHS } from './local-number-lengths.ts';

/** What a number is for, as the numbering data names it. */
export type NumberKind = (typeof KINDS)[number] | 'FIXED_LINE' | 'MOBILE' | 'FIXED_LINE_OR_MOBILE';

/** The kinds that are looked at before fixed and mobile lines, in the order of the reference. */
const KINDS = [
  'PREMIUM_RATE',
  'TOLL_FREE',
  'SHARED_COST',
  'VOIP',
  'PERSONAL_NUMBER',
  'PAGER',
  'UAN',
  'VOICEMAIL',
] as const;

export type LengthVerdict = 'possible' | 'local-only' | 'too-short' | 'too-long' | 'invalid';

/** One way to print a national number; templates use `$1`, `$2` for the groups of the pattern. */
export type NumberFormat = {
  readonly leadingDigits: RegExp | null;
  readonly pattern: RegExp;
  readonly international: string;
  readonly national: string;
};

type KindPattern = { readonly lengths: readonly number[]; readonly pattern: RegExp };

/** The rules of one country or, for calling codes of no country, of that code. */
export type NumberingPlan = {
  /** ISO code of the country; the calling code where there is no country. */
  readonly region: string;
  readonly callingCode: string;
  readonly internationalPrefix: RegExp | null;
  readonly nationalPrefix: RegExp | null;
  /** How a matched national prefix is rewritten, where it is not just deleted. */
  readonly prefixTransform: string | null;
  readonly leadingDigits: RegExp | null;
  readonly general: RegExp;
  readonly lengths: readonly number[];
  readonly localLengths: readonly number[];
  readonly kinds: readonly (KindPattern & { readonly kind: NumberKind })[];
  readonly fixedLine: KindPattern | null;
  /** `same` where the data has one pattern for both fixed and mobile lines. */
  readonly mobile: KindPattern | 'same' | null;
  readonly formats: readonly NumberFormat[];
};

/** What the library's numbering plan answers at run time; its published types name only a part of it. */
type PlanData = {
  callingCode(): string;
  IDDPrefix(): string | 0;
  nationalPrefixForParsing(): string | 0 | undefined;
  nationalPrefixTransformRule(): string | 0 | undefined;
  leadingDigits(): string | 0 | undefined;
  nationalNumberPattern(): string;
  possibleLengths(): number[];
  type(kind: string): { pattern(): string; possibleLengths(): number[] } | undefined;
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
  const patternOf = (kind: string): KindPattern | null => {
    const type = data.type(kind);
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
    localLengths: LOCAL_NUMBER_LENGTHS[callingCode] ?? [],
    kinds: KINDS.flatMap((kind) => {
      const pattern = patternOf(kind);
      return pattern ? [{ kind, ...pattern }] : [];
    }),
    fixedLine: patternOf('FIXED_LINE'),
    // An empty pattern is how the library marks a duplicate of the fixed-line pattern.
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

/** Countries of each calling code, the main one first; a code of no country stands for itself. */
const regionsByCode: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...Object.entries(metadata.country_calling_codes),
  ...Object.keys(metadata.nonGeographic).map((code) => [code, [code]] as [string, string[]]),
]);

const plansByCode = new Map<string, readonly NumberingPlan[]>();

/** Every calling code that belongs to a country or territory: digits, no plus. */
export const GEOGRAPHIC_CALLING_CODES: readonly string[] = Object.keys(metadata.country_calling_codes);

/** The plans that share a calling code, the main country's first; empty when no such code exists. */
export function plansOf(callingCode: string): readonly NumberingPlan[] {
  let plans = plansByCode.get(callingCode);
  if (!plans) {
    const regions = regionsByCode.get(callingCode);
    if (!regions) return [];
    // Compiled at first use: most installations only ever see a few countries.
    plans = regions.map(compile);
    plansByCode.set(callingCode, plans);
  }
  return plans;
}

/** The calling code that digits without plus begin with, or null; no code is the beginning of another. */
export function callingCodeOf(digits: string): string | null {
  for (let length = 1; length <= 3 && length <= digits.length; length += 1) {
    const code = digits.slice(0, length);
    if (regionsByCode.has(code)) return code;
  }
  return null;
}

/** Whether a national number has a length that the plan knows; nothing but its length is looked at. */
export function judgeLength(nationalNumber: string, plan: NumberingPlan): LengthVerdict {
  const { length } = nationalNumber;
  if (plan.lengths.includes(length)) return 'possible';
  if (plan.localLengths.includes(length)) return 'local-only';
  if (length < (plan.lengths[0] ?? 0)) return 'too-short';
  return length > (plan.lengths.at(-1) ?? 0) ? 'too-long' : 'invalid';
}

/** What a national number is for within one plan; null when it is not a valid number of that plan. */
export function kindOf(nationalNumber: string, plan: NumberingPlan): NumberKind | null {
  if (!plan.general.test(nationalNumber)) return null;
  for (const kind of plan.kinds) if (matches(nationalNumber, kind)) return kind.kind;
  const mobile = plan.mobile !== 'same' && plan.mobile !== null && matches(nationalNumber, plan.mobile);
  if (plan.fixedLine && matches(nationalNumber, plan.fixedLine))
    return mobile || plan.mobile === 'same' ? 'FIXED_LINE_OR_MOBILE' : 'FIXED_LINE';
  return mobile ? 'MOBILE' : null;
}

function matches(nationalNumber: string, { lengths, pattern }: KindPattern): boolean {
  return lengths.includes(nationalNumber.length) && pattern.test(nationalNumber);
}

/**
 * The country a number belongs to among those that share its calling code, and its kind there; null when the
 * number is not valid in any of them.
 */
export function placeOf(
  callingCode: string,
  nationalNumber: string,
): { region: string; kind: NumberKind } | null {
  const plans = plansOf(callingCode);
  for (const plan of plans) {
    // Leading digits, where a country has them, settle the matter alone.
    if (plans.length > 1 && plan.leadingDigits && !plan.leadingDigits.test(nationalNumber)) continue;
    const kind = kindOf(nationalNumber, plan);
    if (kind) return { region: plan.region, kind };
    if (plan.leadingDigits) return null;
  }
  return null;
}
