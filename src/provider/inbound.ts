/** A text that somebody sent to one of our numbers, as its provider tells of it. */
export type ReadText = Readonly<{
  /** Our number, and who sent the text: as the provider writes them. */
  to: string;
  from: string;
  content: string;
  /** When the provider got it: ISO 8601, in UTC where no zone stands in it. null: it does not say. */
  date: string | null;
  /** The provider's id of the text, null where it has none. The same text posted twice has the same. */
  reference: string | null;
}>;

/** What a provider is answered, ready to send. */
export type InboundAnswer = Readonly<{ status: number; contentType: string; body: string }>;

/** Where a provider's received texts arrive, and what it is answered (spec 05, section 7.1). */
export type InboundEndpoint = Readonly<{
  /** As in `inbound_sms.provider` and every metric. */
  identifier: string;
  /** The provider as log lines name it. */
  name: string;
  path: string;
  /** `user:password` of all who may come in (basic authentication); an empty list refuses everybody. */
  credentials: readonly string[];
  /** Pure. An answer where the text cannot be read. */
  read: (body: Buffer) => Readonly<{ text: ReadText } | { answer: InboundAnswer }>;
  accepted: InboundAnswer;
  /** Nobody gets the text, which is our problem and not the provider's: so it is not to post it again. */
  unclaimed: InboundAnswer;
}>;

const json = (status: number, body: unknown): InboundAnswer => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});

export const inboundOk = json(200, { status: 'ok' });

/** 400: the text cannot be read. `message`: why, as one text or several. */
export function inboundRefused(message: string | readonly string[]): { answer: InboundAnswer } {
  return { answer: json(400, { result: 'error', message }) };
}

/** The answer to a post that lacks fields it must have; null when it has them all. */
export function missingFields(
  name: string,
  fields: Readonly<Record<string, string | null>>,
): { answer: InboundAnswer } | null {
  const missing = Object.keys(fields).filter((field) => fields[field] === null);
  if (missing.length === 0) return null;
  return inboundRefused(missing.map((field) => `${name} inbound SMS failed: ${field} missing`));
}
