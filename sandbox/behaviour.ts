import { type ReceiptStatus, receiptStatuses } from './outcome.ts';
import { type Random, seededRandom } from './random.ts';

/** Milliseconds, drawn evenly between both ends. */
export type Range = { min: number; max: number };

/** What one recipient gets, whatever the dice say. */
export type RecipientBehaviour = {
  outcome?: ReceiptStatus;
  /** Answers 400: never will. */
  refuse?: boolean;
  /** Answers 503: not now. */
  fail?: boolean;
  /** Takes the message, never answers. */
  timeout?: boolean;
  /** Takes the message, breaks the connection. */
  reset?: boolean;
  receipt_drop?: boolean;
};

/** How the sandbox behaves; names and units as in `GET /behaviour`. Rates go from 0 (never) to 1 (always). */
export type BehaviourSettings = {
  /** Every request to send is answered 500 and nothing is taken. */
  outage: boolean;
  /** How long an answer takes. */
  latency_ms: Range;
  /** Answered 400: refused for good. */
  refusal_rate: number;
  /** Answered 503: failed for now. */
  failure_rate: number;
  /** Taken, but not answered until the client gives up, or `timeout_ms` later the connection is closed. */
  timeout_rate: number;
  timeout_ms: number;
  /** Taken, but the connection is broken instead of an answer. */
  reset_rate: number;
  /** From the answer (or, failing that, from taking the message) to the receipt. */
  receipt_delay_ms: Range;
  /** Receipts posted twice. */
  receipt_duplicate_rate: number;
  /** Receipts never posted. */
  receipt_drop_rate: number;
  /** Receipts are held for a moment and posted in random order, those of one message too. */
  receipt_shuffle: boolean;
  /** Start of the random numbers, so that a run can be repeated; null: a different run every time. */
  seed: number | null;
  recipients: Record<string, RecipientBehaviour>;
};

/** A change: what is left out stays; within `recipients`, null removes one. */
export type BehaviourChange = Partial<Omit<BehaviourSettings, 'recipients'>> & {
  recipients?: Record<string, RecipientBehaviour | null>;
};

/** A receipt a little after the answer, as from a real provider; nothing else out of the ordinary. */
const ordinary: Omit<BehaviourSettings, 'recipients'> = {
  outage: false,
  latency_ms: { min: 0, max: 0 },
  refusal_rate: 0,
  failure_rate: 0,
  timeout_rate: 0,
  timeout_ms: 60_000,
  reset_rate: 0,
  receipt_delay_ms: { min: 100, max: 500 },
  receipt_duplicate_rate: 0,
  receipt_drop_rate: 0,
  receipt_shuffle: false,
  seed: null,
};

const longestWait = 86_400_000;
const mostRecipients = 10_000;

/** The behaviour in force, and the dice it rolls. */
export class Behaviour {
  readonly #initial: BehaviourChange;
  readonly #unseeded: Random;
  #random: Random;
  #settings: Omit<BehaviourSettings, 'recipients'> = ordinary;
  readonly #recipients = new Map<string, { name: string; behaviour: RecipientBehaviour }>();

  /**
   * @param initial what differs from the ordinary at the start and after a reset
   * @throws if `initial` is not valid
   */
  constructor(initial: BehaviourChange, random: Random) {
    this.#initial = initial;
    this.#unseeded = random;
    this.#random = random;
    const fault = this.change(initial);
    if (fault !== null) throw new Error(`Behaviour of the sandbox: ${fault}`);
  }

  get settings(): Readonly<Omit<BehaviourSettings, 'recipients'>> {
    return this.#settings;
  }

  /** A number from 0 to 1, of the seeded course if a seed is set. */
  get random(): Random {
    return this.#random;
  }

  /** Rolls the dice. A rate of 0 rolls none, so that switching one thing on does not shift the others. */
  happens(rate: number): boolean {
    return rate > 0 && this.#random() < rate;
  }

  /** Whole milliseconds from the range. */
  draw({ min, max }: Range): number {
    return min === max ? min : min + Math.floor(this.#random() * (max - min + 1));
  }

  /** What is set for this recipient; spaces, country code and upper case make no difference. */
  forRecipient(to: string): RecipientBehaviour | undefined {
    return this.#recipients.size === 0 ? undefined : this.#recipients.get(recipientKey(to))?.behaviour;
  }

  /** Applies a change as a whole; or says what is wrong with it and changes nothing. */
  change(value: unknown): string | null {
    const faults = faultsOf(value);
    if (faults.length > 0) return faults.join('; ');
    const { recipients = {}, ...settings } = value as BehaviourChange;
    if (this.#recipients.size + Object.keys(recipients).length > mostRecipients)
      return `recipients: at most ${mostRecipients} can be set`;
    this.#settings = { ...this.#settings, ...settings };
    if (settings.seed !== undefined)
      this.#random = settings.seed === null ? this.#unseeded : seededRandom(settings.seed);
    for (const [name, behaviour] of Object.entries(recipients)) {
      if (behaviour === null) this.#recipients.delete(recipientKey(name));
      else this.#recipients.set(recipientKey(name), { name, behaviour });
    }
    return null;
  }

  reset(): void {
    this.#settings = ordinary;
    this.#random = this.#unseeded;
    this.#recipients.clear();
    this.change(this.#initial);
  }

  present(): BehaviourSettings {
    const recipients = [...this.#recipients.values()].map(
      ({ name, behaviour }) => [name, behaviour] as const,
    );
    return { ...this.#settings, recipients: Object.fromEntries(recipients) };
  }
}

/** One key for the spellings of a recipient; British numbers without their country code. */
function recipientKey(recipient: string): string {
  if (recipient.includes('@')) return recipient.trim().toLowerCase();
  const digits = recipient.replace(/\D/g, '').replace(/^(0044|44|0)/, '');
  return digits === '' ? recipient.trim() : digits;
}

type Check = (value: unknown) => string | null;

const isRate: Check = (value) => (isNumber(value, 0, 1) ? null : 'must be a number from 0 to 1');
const isSwitch: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const isWait: Check = (value) =>
  Number.isInteger(value) && isNumber(value, 1, longestWait)
    ? null
    : `must be a whole number of milliseconds from 1 to ${longestWait}`;
const isSeed: Check = (value) =>
  value === null || Number.isSafeInteger(value) ? null : 'must be a whole number, or null for none';
const isOutcome: Check = (value) =>
  receiptStatuses.some((status) => status === value) ? null : `must be one of ${receiptStatuses.join(', ')}`;

const isRange: Check = (value) => {
  const wanted = `must be {"min": …, "max": …} in whole milliseconds, from 0 to ${longestWait}`;
  if (!isRecord(value) || Object.keys(value).sort().join() !== 'max,min') return wanted;
  const { min, max } = value;
  if (!Number.isInteger(min) || !Number.isInteger(max)) return wanted;
  if (!isNumber(min, 0, longestWait) || !isNumber(max, 0, longestWait)) return wanted;
  return min > max ? 'must have a min that is not greater than its max' : null;
};

const checks = new Map<string, Check>(
  Object.entries({
    outage: isSwitch,
    latency_ms: isRange,
    refusal_rate: isRate,
    failure_rate: isRate,
    timeout_rate: isRate,
    timeout_ms: isWait,
    reset_rate: isRate,
    receipt_delay_ms: isRange,
    receipt_duplicate_rate: isRate,
    receipt_drop_rate: isRate,
    receipt_shuffle: isSwitch,
    seed: isSeed,
  } satisfies Record<keyof typeof ordinary, Check>),
);

const recipientChecks = new Map<string, Check>(
  Object.entries({
    outcome: isOutcome,
    refuse: isSwitch,
    fail: isSwitch,
    timeout: isSwitch,
    reset: isSwitch,
    receipt_drop: isSwitch,
  } satisfies Record<keyof RecipientBehaviour, Check>),
);

function faultsOf(change: unknown): string[] {
  if (!isRecord(change)) return ['the body must be a JSON object'];
  const { recipients, ...settings } = change;
  const faults = faultsIn(settings, checks, '', [...checks.keys(), 'recipients']);
  if (recipients === undefined) return faults;
  if (!isRecord(recipients)) return [...faults, 'recipients must be an object, by recipient'];
  for (const [index, behaviour] of Object.values(recipients).entries()) {
    // By number: the recipient itself must not come back in an error, which callers log.
    const place = `recipients (entry ${index + 1})`;
    if (behaviour === null) continue;
    if (isRecord(behaviour))
      faults.push(...faultsIn(behaviour, recipientChecks, `${place} `, [...recipientChecks.keys()]));
    else faults.push(`${place} must be an object, or null to remove it`);
    if (faults.length >= 20) break;
  }
  return faults;
}

function faultsIn(
  fields: Record<string, unknown>,
  known: Map<string, Check>,
  place: string,
  names: string[],
): string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    const check = known.get(name);
    if (check === undefined)
      return [`${place}${name.slice(0, 100)} is not known; known are ${names.join(', ')}`];
    const fault = check(value);
    return fault === null ? [] : [`${place}${name} ${fault}`];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}
