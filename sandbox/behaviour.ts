/** How the sandbox behaves: the settings of `GET /behaviour`, their checks, and the random numbers behind them. */
import { type ReceiptStatus, receiptStatuses } from './message.ts';

/** A number from 0 (included) to 1 (excluded), as Math.random gives. */
export type Random = () => number;

/** Milliseconds, drawn uniformly from `min` to `max`, both included. */
export type Range = { min: number; max: number };

/** What happens to messages for one recipient, whatever the random numbers say. */
export type RecipientBehaviour = {
  outcome?: ReceiptStatus;
  /** Answers 400: refused for good. */
  refuse?: boolean;
  /** Answers 400: refused for good because the recipient does not exist. */
  unknown?: boolean;
  /** Answers 400: refused for good because the recipient's mailbox is full. */
  full?: boolean;
  /** Answers 503: failed for now. */
  fail?: boolean;
  /** Accepts the message and never answers. */
  timeout?: boolean;
  /** Accepts the message and breaks the connection. */
  reset?: boolean;
  receipt_drop?: boolean;
};

/** How the sandbox behaves; names and units as in `GET /behaviour`. Rates go from 0 (never) to 1 (always). */
export type BehaviourSettings = {
  /** Every request to send is answered 500 and nothing is accepted. */
  outage: boolean;
  /** How long an answer takes. */
  latency_ms: Range;
  /** Answered 400: refused for good. */
  refusal_rate: number;
  /** Answered 503: failed for now. */
  failure_rate: number;
  /** Accepted but not answered; the connection is closed when the client gives up or after `timeout_ms`. */
  timeout_rate: number;
  timeout_ms: number;
  /** Accepted, but the connection is broken instead of an answer. */
  reset_rate: number;
  /** From the answer (or from acceptance, if there is no answer) to the receipt. */
  receipt_delay_ms: Range;
  /** Receipts posted twice. */
  receipt_duplicate_rate: number;
  /** Receipts never posted. */
  receipt_drop_rate: number;
  /** Receipts are held for a moment and posted in random order, even those of one message. */
  receipt_shuffle: boolean;
  /** Seed of the random numbers, to repeat a run; null for a different run each time. */
  seed: number | null;
  recipients: Record<string, RecipientBehaviour>;
};

/** A change: settings left out keep their values; a null in `recipients` removes that recipient. */
export type BehaviourChange = Partial<Omit<BehaviourSettings, 'recipients'>> & {
  recipients?: Record<string, RecipientBehaviour | null>;
};

/** A receipt shortly after the answer, as from a real provider, and no failures. */
const defaults: Omit<BehaviourSettings, 'recipients'> = {
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

const maxWait = 86_400_000;
const maxRecipients = 10_000;

/** The current behaviour and the random numbers that drive it. */
export class Behaviour {
  readonly #initial: BehaviourChange;
  readonly #unseeded: Random;
  #random: Random;
  #settings: Omit<BehaviourSettings, 'recipients'> = defaults;
  readonly #recipients = new Map<string, { name: string; behaviour: RecipientBehaviour }>();

  /**
   * @param initial what differs from the defaults at the start and after a reset
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

  /** The source of random numbers: the seeded one if a seed is set. */
  get random(): Random {
    return this.#random;
  }

  /**
   * Whether an event of this rate happens. A rate of 0 draws no number, so enabling one event does not shift the
   * others.
   */
  happens(rate: number): boolean {
    return rate > 0 && this.#random() < rate;
  }

  /** Whole milliseconds drawn from the range. */
  draw({ min, max }: Range): number {
    return min === max ? min : min + Math.floor(this.#random() * (max - min + 1));
  }

  /** What is set for this recipient; spaces, country code and case are ignored. */
  forRecipient(to: string): RecipientBehaviour | undefined {
    return this.#recipients.size === 0 ? undefined : this.#recipients.get(recipientKey(to))?.behaviour;
  }

  /** Applies the whole change and returns null, or changes nothing and returns what is wrong with it. */
  change(value: unknown): string | null {
    const faults = faultsOf(value);
    if (faults.length > 0) return faults.join('; ');
    const { recipients = {}, ...settings } = value as BehaviourChange;
    if (this.#recipients.size + Object.keys(recipients).length > maxRecipients)
      return `recipients: at most ${maxRecipients} can be set`;
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
    this.#settings = defaults;
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

/** One key for all spellings of a recipient; British numbers lose their country code. */
function recipientKey(recipient: string): string {
  if (recipient.includes('@')) return recipient.trim().toLowerCase();
  const digits = recipient.replace(/\D/g, '').replace(/^(0044|44|0)/, '');
  return digits === '' ? recipient.trim() : digits;
}

type Check = (value: unknown) => string | null;

const isRate: Check = (value) => (isNumber(value, 0, 1) ? null : 'must be a number from 0 to 1');
const isSwitch: Check = (value) => (typeof value === 'boolean' ? null : 'must be true or false');
const isWait: Check = (value) =>
  Number.isInteger(value) && isNumber(value, 1, maxWait)
    ? null
    : `must be a whole number of milliseconds from 1 to ${maxWait}`;
const isSeed: Check = (value) =>
  value === null || Number.isSafeInteger(value) ? null : 'must be a whole number, or null for none';
const isOutcome: Check = (value) =>
  receiptStatuses.some((status) => status === value) ? null : `must be one of ${receiptStatuses.join(', ')}`;

const isRange: Check = (value) => {
  const wanted = `must be {"min": …, "max": …} in whole milliseconds, from 0 to ${maxWait}`;
  if (!isRecord(value) || Object.keys(value).sort().join() !== 'max,min') return wanted;
  const { min, max } = value;
  if (!Number.isInteger(min) || !Number.isInteger(max)) return wanted;
  if (!isNumber(min, 0, maxWait) || !isNumber(max, 0, maxWait)) return wanted;
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
  } satisfies Record<keyof typeof defaults, Check>),
);

const recipientChecks = new Map<string, Check>(
  Object.entries({
    outcome: isOutcome,
    refuse: isSwitch,
    unknown: isSwitch,
    full: isSwitch,
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
    // By number: callers log errors, which must not contain recipients.
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

/**
 * A repeatable source of random numbers (mulberry32): the same seed gives the same run as long as messages arrive in
 * the same order. Not for secrets.
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Shuffles a list in place (Fisher and Yates). */
export function shuffle<T>(items: T[], random: Random): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
  return items;
}
