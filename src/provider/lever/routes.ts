import { type Static, Type } from 'typebox';
import { isoMicroseconds, parseDatetime } from '../../ground/clock.ts';
import { badRequest, invalidFields } from '../../ground/problem.ts';
import { defineRoute } from '../../http/server/define-route.ts';
import { oneOf, orNull, time, uuid } from '../../http/validate/shapes.ts';
import { recordEvent } from '../../tenant/event/store.ts';
import { durationWithin } from '../circuit/circuits.ts';
import { findPeriods, type PeriodCalls, setCircuit } from '../circuit/store.ts';
import {
  authorOf,
  byId,
  changeRequest,
  changeWith,
  common,
  notFound,
  one,
  type ProviderRouteDeps,
  params,
  read,
  reason,
} from '../routes.ts';
import type { ProviderRecord } from '../store.ts';
import { readRecipient, sendTest, type TestDeps } from './test-message.ts';

export type LeverRouteDeps = ProviderRouteDeps & TestDeps;

const longestMinutes = 7 * 24 * 60;
const circuitRequest = Type.Object(
  {
    state: oneOf(['open', 'closed']),
    minutes: Type.Optional(
      orNull(
        Type.Integer({ minimum: 1, maximum: longestMinutes }),
        'For how long it is open. Without it, until an operator closes it.',
      ),
    ),
    reason: Type.Optional(reason),
    created_by: changeRequest.properties.created_by,
  },
  { additionalProperties: false },
);

const setByHand = defineRoute({
  ...common,
  method: 'POST',
  path: `${byId}/circuit`,
  handlerName: 'provider_details.set_circuit',
  summary: 'Open or close the circuit of a provider by hand',
  description:
    'An open circuit sends every message to the other providers, in all processes at once. After its minutes it is `half-open`, as one that opened by itself; without minutes nothing tries the provider until somebody closes the circuit.',
  params,
  body: circuitRequest,
  example: { state: 'closed', reason: 'They have repaired it' },
  answers: {
    200: one,
    400: { description: 'The body is invalid.' },
    404: { description: 'There is no such provider, or no such user.' },
  },
  async before({ db }: LeverRouteDeps, { params }) {
    await read(db, params.provider_details_id);
  },
  async handler(deps: LeverRouteDeps, { params: { provider_details_id: id }, body, actorId }) {
    const isOpen = body.state === 'open';
    const minutes = body.minutes ?? null;
    if (!isOpen && minutes !== null) throw invalidFields({ minutes: ['Only with the state open.'] });
    const by = await authorOf(deps.db, actorId, body);
    const event = { type: isOpen ? 'open_provider_circuit' : 'close_provider_circuit', userId: by };
    return await changeWith(deps, id, event, async (trx, now, { circuit }) => {
      if (!isOpen && circuit === 'closed') return;
      const reason = body.reason ?? `Circuit ${isOpen ? 'opened' : 'closed'} by hand`;
      const until = minutes === null ? null : new Date(now.getTime() + minutes * 60_000);
      await setCircuit(
        trx,
        id,
        isOpen ? { state: 'open', until, reason, by, now } : { state: 'closed', reason, by, now },
      );
    });
  },
});

const minute = 60_000;
const hour = 60 * minute;
const callsQuery = Type.Object(
  {
    by: Type.Optional(oneOf(['minute', 'hour'], 'The default is `minute`.')),
    from: Type.Optional(
      Type.String({
        format: 'datetime',
        description: 'The default is an hour before `to`, or a day by the hour. Calls are kept for 25 hours.',
      }),
    ),
    to: Type.Optional(Type.String({ format: 'datetime', description: 'The default is now.' })),
  },
  { additionalProperties: false },
);
const count = Type.Integer({ minimum: 0 });
const within = (share: string) =>
  orNull(
    Type.Integer(),
    `Milliseconds within which ${share} of the calls had ended, rounded up to a step; null: above 30 seconds.`,
  );
const callsAnswer = Type.Object({
  data: Type.Array(
    Type.Object(
      {
        from: time,
        calls: count,
        accepted: count,
        refused: Type.Integer({ minimum: 0, description: 'Refused for good: the provider works.' }),
        failed: Type.Integer({ minimum: 0, description: 'Definitely not taken.' }),
        unknown: Type.Integer({ minimum: 0, description: 'Without an answer.' }),
        p50_ms: within('half'),
        p95_ms: within('95 %'),
      },
      { $id: 'ProviderCalls' },
    ),
  ),
});

const readCalls = defineRoute({
  ...common,
  method: 'GET',
  path: `${byId}/calls`,
  handlerName: 'provider_details.get_calls',
  summary: 'Read how many calls a provider took, refused and failed',
  description:
    'By minute or hour, oldest first; periods without calls are left out. Messages that no provider gets (test keys, research mode) and test messages of operators do not count.',
  params,
  query: callsQuery,
  formats: () => ({
    datetime: (text: string) => (parseDatetime(text) ? null : 'Not a valid datetime.'),
  }),
  answers: {
    200: { description: 'The calls.', schema: callsAnswer },
    400: { description: 'A parameter is unknown or invalid.' },
    404: notFound,
  },
  async handler({ db, clock }: LeverRouteDeps, { params: { provider_details_id: id }, query }) {
    await read(db, id);
    return { data: (await findPeriods(db, id, rangeOf(query, clock.now()))).map(showPeriod) };
  },
});

/** At most a day and its margin, so that there are never more than 1,500 periods. */
function rangeOf({ by = 'minute', from, to }: Static<typeof callsQuery>, now: number) {
  const asked = to === undefined ? now : parseDatetime(to)!.getTime();
  const end = Math.min(asked, now + minute);
  const usual = by === 'hour' ? 24 * hour : hour;
  const start = from === undefined ? end - usual : parseDatetime(from)!.getTime();
  const first = new Date(Math.max(start, now - 25 * hour));
  return { by: by as 'minute' | 'hour', from: first, to: new Date(Math.max(end, first.getTime())) };
}

function showPeriod({ at, taken, refused, failed, unknown, durations }: PeriodCalls) {
  return {
    from: isoMicroseconds(at),
    calls: taken + failed + unknown,
    accepted: taken - refused,
    refused,
    failed,
    unknown,
    p50_ms: durationWithin(durations, 0.5),
    p95_ms: durationWithin(durations, 0.95),
  };
}

const testAnswer = Type.Object({
  data: Type.Object(
    {
      reference: uuid('Our id for it, which the provider has too.'),
      outcome: oneOf(
        ['accepted', 'rejected', 'failed', 'unknown'],
        '`rejected`: refused for good. `failed`: definitely not taken. `unknown`: the provider may have it.',
      ),
      code: orNull(Type.String(), 'The provider’s own, or the HTTP status; null if it was accepted.'),
      detail: orNull(Type.String()),
      milliseconds: Type.Integer({ minimum: 0, description: 'How long the provider took.' }),
    },
    { $id: 'ProviderTest' },
  ),
});

const test = defineRoute({
  ...common,
  method: 'POST',
  path: `${byId}/test`,
  handlerName: 'provider_details.send_test_message',
  summary: 'Send a test message through one provider',
  description:
    'Sends a real message, whether or not the provider is active or its circuit open, and answers what the provider said. It belongs to no service, is not stored, and does not count towards the circuit. The rate limit of the provider holds.',
  params,
  body: Type.Object(
    {
      recipient: Type.String({ maxLength: 1000, description: 'A phone number or an email address.' }),
    },
    { additionalProperties: false },
  ),
  example: { recipient: '07700900123' },
  answers: {
    200: { description: 'What the provider said.', schema: testAnswer },
    400: { description: 'The recipient is invalid, or the provider is not configured.' },
    404: notFound,
  },
  async before({ db }: LeverRouteDeps, { params }) {
    await read(db, params.provider_details_id);
  },
  async handler(deps: LeverRouteDeps, { params: { provider_details_id: id }, body, actorId }) {
    const { db, clock } = deps;
    const provider = await read(db, id);
    const recipient = readRecipient(deps.rates, provider, body.recipient);
    if ('fault' in recipient) throw invalidFields({ recipient: [recipient.fault] });
    const result = await sendTest(deps, provider, recipient);
    if (!result) throw badRequest(notConfigured(provider));
    // Without the recipient: what happened is kept longer than what is personal.
    const data = { identifier: provider.identifier, ...result };
    const event = { type: 'test_provider', serviceId: null, userId: actorId, subjectId: id, data };
    await recordEvent(db, event, new Date(clock.now()));
    return { data: result };
  },
});

function notConfigured({ displayName }: ProviderRecord): string {
  return `${displayName} is not configured in this installation`;
}

/** The operator's levers on a provider (spec 04, section 8.1). */
export const providerLeverRoutes = [setByHand, readCalls, test];
