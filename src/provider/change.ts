import { FieldProblem } from '../ground/problem.ts';

/** What the admin client may change of a provider; what is absent stays as it is. */
export type AskedChange = Readonly<{
  priority?: number;
  active?: boolean;
  /** Messages per second over all workers; null: no limit. */
  rateLimit?: number | null;
  reason: string | null;
  /** As it was given: it may be the id of no user. */
  createdBy: unknown;
}>;

/** The same as the body has it. */
type Asked = {
  priority?: number;
  active?: boolean;
  rate_limit?: number | null;
  reason?: string | null;
  created_by?: unknown;
};

const longestReason = 255;
const mostRate = 1_000_000;

type Check = (value: unknown) => string | null;

const notNull =
  (check: Check): Check =>
  (value) =>
    value === null ? 'Field may not be null.' : check(value);

const orNull =
  (check: Check): Check =>
  (value) =>
    value === null ? null : check(value);

const whole =
  (least: number, most: number): Check =>
  (value) => {
    if (!Number.isInteger(value)) return 'Not a valid integer.';
    const number = value as number;
    return number < least || number > most ? `Must be between ${least} and ${most}.` : null;
  };

const checks: Readonly<Record<string, Check>> = {
  priority: notNull(whole(0, 100)),
  active: notNull((value) => (typeof value === 'boolean' ? null : 'Not a valid boolean.')),
  // What is no id of a user is told as a user that is not there.
  created_by: notNull(() => null),
  reason: orNull((value) => {
    // The database takes no NUL.
    if (typeof value !== 'string' || value.includes('\0')) return 'Not a valid string.';
    return [...value].length > longestReason ? `Longer than maximum length ${longestReason}.` : null;
  }),
  rate_limit: orNull(whole(1, mostRate)),
};

/** The body of a change (spec 04, section 8.1). Throws a FieldProblem with all that is wrong with it. */
export function readChange(document: Readonly<Record<string, unknown>>): AskedChange {
  const entries = Object.entries(document);
  const refused = entries.filter(([name]) => !Object.hasOwn(checks, name));
  if (refused.length > 0)
    throw new FieldProblem(
      Object.fromEntries(refused.map(([name]) => [name, ['Not permitted to be updated']])),
    );
  const faults = entries.flatMap(([name, value]) => {
    const fault = checks[name]!(value);
    return fault === null ? [] : [[name, [fault]] as const];
  });
  if (faults.length > 0) throw new FieldProblem(Object.fromEntries(faults));
  const { priority, active, reason = null, rate_limit: rateLimit, created_by: createdBy } = document as Asked;
  return {
    ...(priority !== undefined && { priority }),
    ...(active !== undefined && { active }),
    ...(rateLimit !== undefined && { rateLimit }),
    reason,
    createdBy,
  };
}
