import { randomBytes } from 'node:crypto';
import type { Answer, Message, MessageType, Receipt, Submission } from './message.ts';

/** Which messages to list; every condition is optional. */
export type Search = {
  /** Part of the recipient, sender, subject, text or reference; case is ignored. */
  readonly q?: string;
  readonly type?: MessageType;
  /** The whole of it, as the message has it. */
  readonly to?: string;
  readonly reference?: string;
  /** Only messages older than the one with this id. */
  readonly before?: string;
  readonly limit: number;
};

/** A message in the inbox; its receipts are added later. */
export type KeptMessage = Message & { readonly receipts: Receipt[] };

/**
 * The newest messages, in memory, limited in number and in bytes. An id contains the position of its message in the
 * stream, so no second index is needed to find one.
 */
export class Inbox {
  readonly #capacity: number;
  readonly #maxBytes: number;
  readonly #ring: (KeptMessage | undefined)[];
  readonly #run = randomBytes(4).toString('hex');
  /** Positions of the oldest message kept and of the next one to arrive. */
  #oldest = 0;
  #next = 0;
  #bytes = 0;

  constructor(limits: { maxMessages: number; maxBytes: number }) {
    this.#capacity = limits.maxMessages;
    this.#maxBytes = limits.maxBytes;
    this.#ring = new Array<KeptMessage | undefined>(this.#capacity);
  }

  get size(): number {
    return this.#next - this.#oldest;
  }

  /** Adds a message; the oldest ones are dropped to make room. */
  add(submission: Submission, answer: Answer, receivedAt: number): KeptMessage {
    const message = { ...submission, id: `${this.#run}-${this.#next}`, receivedAt, answer, receipts: [] };
    if (this.size === this.#capacity) this.#dropOldest();
    this.#ring[this.#next % this.#capacity] = message;
    this.#next += 1;
    this.#bytes += weight(message);
    while (this.#bytes > this.#maxBytes) this.#dropOldest();
    return message;
  }

  find(id: string): Message | null {
    const position = this.#position(id);
    return position === null ? null : (this.#at(position) ?? null);
  }

  /** The messages that match, newest first. */
  list(search: Search): Message[] {
    const found: Message[] = [];
    const needle = search.q?.toLowerCase();
    const before = search.before === undefined ? null : this.#position(search.before);
    for (
      let position = Math.min(before ?? this.#next, this.#next) - 1;
      position >= this.#oldest;
      position -= 1
    ) {
      if (found.length >= search.limit) break;
      const message = this.#at(position)!;
      if (search.type !== undefined && message.type !== search.type) continue;
      if (search.to !== undefined && message.to !== search.to) continue;
      if (search.reference !== undefined && message.reference !== search.reference) continue;
      if (needle !== undefined && needle !== '' && !contains(message, needle)) continue;
      found.push(message);
    }
    return found;
  }

  clear(): void {
    while (this.size > 0) this.#dropOldest();
  }

  #at(position: number): KeptMessage | undefined {
    const kept = position >= this.#oldest && position < this.#next;
    return kept ? this.#ring[position % this.#capacity] : undefined;
  }

  #position(id: string): number | null {
    const match = /^([0-9a-f]{8})-(\d{1,15})$/.exec(id);
    return match === null || match[1] !== this.#run ? null : Number(match[2]);
  }

  #dropOldest(): void {
    const slot = this.#oldest % this.#capacity;
    this.#bytes -= weight(this.#ring[slot]!);
    this.#ring[slot] = undefined;
    this.#oldest += 1;
  }
}

/** An upper estimate of its memory in bytes: one or two bytes a character, and about half a kilobyte for the rest. */
function weight({
  reference,
  to,
  from,
  replyTo,
  subject,
  text,
  html,
  headers,
  receiptUrl,
}: Submission): number {
  let characters = reference.length + to.length + from.length + text.length + receiptUrl.length;
  characters += (replyTo?.length ?? 0) + (subject?.length ?? 0) + (html?.length ?? 0);
  for (const name in headers) characters += name.length + headers[name]!.length;
  return 500 + 2 * characters;
}

function contains({ to, from, subject, text, reference }: Message, needle: string): boolean {
  return [to, from, subject ?? '', reference, text].some((part) => part.toLowerCase().includes(needle));
}
