import type { Behaviour, RecipientBehaviour } from './behaviour.ts';
import type { Counts } from './counts.ts';
import type { Delays } from './delays.ts';
import { answerError, answerJson, type Exchange, readBody, readJson } from './exchange.ts';
import type { Inbox } from './inbox.ts';
import { type Answer, type MessageType, readSubmission, type Submission } from './message.ts';
import { outcomeFor, receiptsFor } from './outcome.ts';
import type { ReceiptTarget, ReceiptTargets } from './receipt-target.ts';
import type { Receipts } from './receipts.ts';

export type SendDeps = {
  behaviour: Behaviour;
  counts: Counts;
  /** Answers that take their time. */
  delays: Delays;
  inbox: Inbox;
  now: () => number;
  receipts: Receipts;
  targets: ReceiptTargets;
};

/**
 * `POST /send/sms` and `POST /send/email`, as a provider would take them. What is answered 200, not answered at all,
 * or cut off has been taken: it is in the inbox, counted, and gets its receipts. What is answered 4xx or 5xx has not.
 */
export function send(deps: SendDeps, exchange: Exchange, type: MessageType): void {
  const { behaviour, counts, targets } = deps;
  if (behaviour.settings.outage) {
    counts.reject('outage');
    const refuse = () => answerError(exchange, 500, 'outage', 'The sandbox is set to an outage');
    readBody(exchange, () => answerLater(deps, refuse));
    return;
  }
  const malformed = () => counts.reject('malformed');
  const take = (value: unknown) => {
    const submission = readSubmission(type, value);
    const target = typeof submission === 'string' ? submission : targets.read(submission.receiptUrl);
    if (typeof submission !== 'string' && typeof target !== 'string') {
      decide(deps, exchange, submission, target);
      return;
    }
    malformed();
    answerError(exchange, 400, 'invalid-request', String(target));
  };
  readJson(exchange, take, malformed);
}

function decide(deps: SendDeps, exchange: Exchange, submission: Submission, target: ReceiptTarget): void {
  const { behaviour, counts } = deps;
  const { refusal_rate, failure_rate } = behaviour.settings;
  const wanted = behaviour.forRecipient(submission.to) ?? {};
  if (wanted.refuse || behaviour.happens(refusal_rate)) {
    counts.reject('refused');
    const text = 'The sandbox is set to refuse this message';
    answerLater(deps, () => answerError(exchange, 400, 'refused', text));
  } else if (wanted.fail || behaviour.happens(failure_rate)) {
    counts.reject('failed');
    answerLater(deps, () => answerError(exchange, 503, 'unavailable', 'The sandbox is set to fail for now'));
  } else {
    take(deps, exchange, submission, target, wanted);
  }
}

function take(
  deps: SendDeps,
  exchange: Exchange,
  submission: Submission,
  target: ReceiptTarget,
  wanted: RecipientBehaviour,
): void {
  const { type, to, reference } = submission;
  const answer = chooseAnswer(deps.behaviour, wanted);
  const message = deps.inbox.add(submission, answer, deps.now());
  deps.counts.accept(type, reference, answer);
  const statuses = receiptsFor(type, wanted.outcome ?? outcomeFor(type, to));
  const report = () => deps.receipts.start(message, target, statuses, wanted.receipt_drop === true);
  if (answer === 'unanswered') {
    closeInTheEnd(deps, exchange);
    report();
    return;
  }
  answerLater(deps, () => {
    if (answer === 'reset') exchange.request.socket.resetAndDestroy();
    else answerJson(exchange, 200, { id: message.id });
    report();
  });
}

function chooseAnswer(behaviour: Behaviour, wanted: RecipientBehaviour): Answer {
  const { timeout_rate, reset_rate } = behaviour.settings;
  if (wanted.timeout || behaviour.happens(timeout_rate)) return 'unanswered';
  return wanted.reset || behaviour.happens(reset_rate) ? 'reset' : 'answered';
}

function answerLater({ behaviour, delays }: SendDeps, answer: () => void): void {
  delays.after(behaviour.draw(behaviour.settings.latency_ms), answer);
}

/** Not an answer such as 504, which would tell the client something: the connection just ends. */
function closeInTheEnd({ behaviour, delays }: SendDeps, { response }: Exchange): void {
  const timer = delays.after(behaviour.settings.timeout_ms, () => response.destroy());
  response.on('close', () => delays.cancel(timer));
}
