import type { Behaviour, RecipientBehaviour } from './behaviour.ts';
import type { Counts } from './counts.ts';
import { answerError, answerJson, type Exchange, readBody, readJson } from './http.ts';
import type { Inbox } from './inbox.ts';
import {
  type Answer,
  type MessageType,
  outcomeFor,
  type ReceiptTarget,
  receiptsFor,
  type Submission,
} from './message.ts';
import type { Delays, Receipts } from './receipts.ts';
import { type ReceiptTargets, readSubmission } from './submission.ts';

export type SendDeps = {
  behaviour: Behaviour;
  counts: Counts;
  /** Delays answers. */
  delays: Delays;
  inbox: Inbox;
  now: () => number;
  receipts: Receipts;
  targets: ReceiptTargets;
};

/**
 * `POST /send/sms` and `POST /send/email`, as a provider handles them. A message that is answered 200, not answered or
 * cut off has been accepted: it is in the inbox, is counted and gets its receipts. One answered 4xx or 5xx has not.
 */
export function send(deps: SendDeps, exchange: Exchange, type: MessageType): void {
  const { behaviour, counts, targets } = deps;
  if (behaviour.settings.outage) {
    counts.reject('outage');
    const refuse = () => answerError(exchange, 500, 'outage', 'The sandbox is set to simulate an outage');
    readBody(exchange, () => answerLater(deps, refuse));
    return;
  }
  const malformed = () => counts.reject('malformed');
  const read = (value: unknown) => {
    const submission = readSubmission(type, value);
    const target = typeof submission === 'string' ? submission : targets.read(submission.receiptUrl);
    if (typeof submission !== 'string' && typeof target !== 'string') {
      decide(deps, exchange, submission, target);
      return;
    }
    malformed();
    answerError(exchange, 400, 'invalid-request', String(target));
  };
  readJson(exchange, read, malformed);
}

function decide(deps: SendDeps, exchange: Exchange, submission: Submission, target: ReceiptTarget): void {
  const { behaviour, counts } = deps;
  const { refusal_rate, failure_rate } = behaviour.settings;
  const wanted = behaviour.forRecipient(submission.to) ?? {};
  if (wanted.unknown || wanted.full) {
    counts.reject('refused');
    const [code, text] = wanted.unknown
      ? ['unknown-recipient', 'The sandbox is set not to know this recipient']
      : ['mailbox-full', 'The sandbox is set to have a full mailbox for this recipient'];
    answerLater(deps, () => answerError(exchange, 400, code, text));
  } else if (wanted.refuse || behaviour.happens(refusal_rate)) {
    counts.reject('refused');
    const text = 'The sandbox is set to refuse this message';
    answerLater(deps, () => answerError(exchange, 400, 'refused', text));
  } else if (wanted.fail || behaviour.happens(failure_rate)) {
    counts.reject('failed');
    answerLater(deps, () => answerError(exchange, 503, 'unavailable', 'The sandbox is set to fail for now'));
  } else {
    accept(deps, exchange, submission, target, wanted);
  }
}

function accept(
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
    closeLater(deps, exchange);
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

/** Ends the connection without an answer: even a 504 would tell the client something. */
function closeLater({ behaviour, delays }: SendDeps, { response }: Exchange): void {
  const timer = delays.after(behaviour.settings.timeout_ms, () => response.destroy());
  response.on('close', () => delays.cancel(timer));
}
