/** A message as the admin API shows it (spec 04, section 7.2), as far as pages use it. */
export type Message = Readonly<{
  id: string;
  to: string;
  notification_type: 'sms' | 'email';
  status: string;
  /** Why it was not delivered, in a sentence or two. */
  reason: string | null;
  next_attempt_at: string | null;
  key_type: 'normal' | 'team' | 'test';
  key_name: string | null;
  api_key: string | null;
  job: Readonly<{ id: string; original_file_name: string | null }> | null;
  job_row_number: number | null;
  resent_from: string | null;
  resent_as: Readonly<{ job: string; job_row_number: number }> | null;
  template: Readonly<{
    id: string;
    name: string;
    version: number;
    subject: string | null;
    content: string;
    redact_personalisation: boolean;
  }>;
  body: string;
  subject: string | null;
  /** Of a single email. */
  html?: string | null;
  reference: string | null;
  client_reference: string | null;
  sent_by: string | null;
  reply_to_text: string | null;
  billable_units: number;
  created_at: string;
  scheduled_for: string | null;
  sent_at: string | null;
  completed_at: string | null;
  created_by: Readonly<{ id: string; name: string }> | null;
}>;

/** One entry of a timeline (spec 04, section 7.2); which fields it has depends on `event`. */
export type TimelineEntry = Readonly<{
  event:
    | 'accepted'
    | 'persisted'
    | 'suppressed'
    | 'given up'
    | 'attempt'
    | 'receipt'
    | 'callback'
    | 'callback attempt';
  at: string;
  created_by_name?: string;
  reason?: string;
  number?: number;
  provider?: string;
  outcome?: string;
  code?: string | null;
  detail?: string | null;
  duration_ms?: number | null;
  provider_status?: string;
  status?: string;
  applied?: boolean;
  ignored_because?: string | null;
  callback_id?: string;
  callback_type?: 'delivery_status' | 'complaint';
  callback_status?: string;
}>;

export type Timeline = Readonly<{ status: string; timeline: readonly TimelineEntry[] }>;

/** What a message says. Of a template whose values are hidden, what the template says (spec 04, section 5.2). */
export function textOf({ template, body, subject }: Message): Readonly<{
  subject: string | null;
  text: string;
}> {
  return template.redact_personalisation
    ? { subject: template.subject, text: template.content }
    : { subject, text: body };
}

/** The first words of a message: its subject, or how its text begins. */
export function firstWords(message: Message): string {
  const { subject, text } = textOf(message);
  const words = (subject ?? text).replace(/\s+/g, ' ').trim();
  const signs = [...words];
  return signs.length <= 60 ? words : `${signs.slice(0, 59).join('').trimEnd()}…`;
}
