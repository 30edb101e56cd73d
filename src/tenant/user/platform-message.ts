import type { DbOrTrx } from '../../database/connection.ts';
import type { Log } from '../../ground/log.ts';
import { Problem } from '../../ground/problem.ts';

/** Where a person can be reached; a user is one. */
export type Contact = Readonly<{ emailAddress: string; mobileNumber: string | null }>;

/** A message of the platform itself to a person, such as a sign-in code (spec 04, section 4). */
export type PlatformMessage = Readonly<{
  templateId: string;
  /**
   * A phone number or an email address, according to the type of the template; or a person, who gets it at the one that
   * the template is for.
   */
  recipient: string | Contact;
  /**
   * A value for every placeholder that the template may have (spec 04, section 4.2). A name that holds a link or
   * formatting is shown without; values of `url` and of names that end in `_url` are taken as they are.
   */
  personalisation: Readonly<Record<string, string>>;
}>;

/**
 * Accepts the message for delivery and returns its id. Throws a Problem: 404 if there is no such template, 400 for a
 * recipient that cannot get it, 500 if the template asks for a value that the message does not have.
 */
export type SendPlatformMessage = (message: PlatformMessage) => Promise<string>;

/** A message that can be sent, and is stored nowhere yet. */
export type PreparedMessage = Readonly<{
  id: string;
  /** Accepts it for delivery, together with the transaction's other writes. */
  store: (db: DbOrTrx) => Promise<void>;
  /** Call it after the commit: nobody waits for it, but without it the message leaves a second later. */
  announce: () => void;
}>;

/** The same as sending, for a message that must not go out without a row that belongs to it. Throws as that does. */
export type PreparePlatformMessage = (message: PlatformMessage) => Promise<PreparedMessage>;

/** The templates of the platform's own service (spec 06, section 6.2). */
export const platformTemplateIds = {
  invitation: '4f46df42-f795-4cc4-83bb-65ca312f49cc',
  smsCode: '36fb0730-6259-4da1-8a80-c8de22ad4246',
  emailCode: '299726d2-dba6-42b8-8209-30e1d66ea164',
  emailVerification: 'ece42649-22a8-4d06-b87f-d52d5d3f0a27',
  passwordReset: '474e9242-823b-4f99-813d-ed392e7f1201',
  alreadyRegistered: '0880fbb1-a0c6-46f0-9a8e-36c986381ceb',
  changeOfEmail: 'eb4d9930-87ab-4aef-9bce-786762687884',
  serviceIsLive: '618185c6-3636-49cd-b7d2-6f6f5eb3bdde',
  emailChangedByOther: 'c73f1d71-4049-46d5-a647-d013bdeca3f0',
  mobileChangedByOther: '8a31520f-4751-4789-8ea1-fe54496725eb',
  replyToVerification: 'a42f1d17-9404-46d5-a647-d013bdfca3e1',
  costAlert: '2db4dd1d-4450-4c58-b77b-9d59324e9a8a',
} as const;

/**
 * The placeholders that the content of each template must use (spec 04, section 4.2). Whoever sends with a template has
 * a value for each, and for those of `optionalPlaceholders`.
 */
export const requiredPlaceholders: ReadonlyMap<string, readonly string[]> = new Map([
  [platformTemplateIds.invitation, ['user_name', 'service_name', 'url']],
  [platformTemplateIds.smsCode, ['verify_code']],
  [platformTemplateIds.emailCode, ['verify_code', 'name']],
  [platformTemplateIds.emailVerification, ['name', 'url']],
  [platformTemplateIds.passwordReset, ['user_name', 'url']],
  [platformTemplateIds.alreadyRegistered, ['signin_url', 'forgot_password_url', 'feedback_url']],
  [platformTemplateIds.changeOfEmail, ['name', 'url', 'feedback_url']],
  [platformTemplateIds.serviceIsLive, ['name', 'service_name', 'message_limit']],
  [platformTemplateIds.emailChangedByOther, ['name', 'servicemanagername', 'email address']],
  [platformTemplateIds.mobileChangedByOther, ['servicemanagername']],
  [platformTemplateIds.replyToVerification, []],
  [platformTemplateIds.costAlert, ['name', 'service_name', 'amount', 'cost', 'period']],
]);

export const optionalPlaceholders: ReadonlyMap<string, readonly string[]> = new Map([
  [platformTemplateIds.invitation, ['life']],
  [platformTemplateIds.smsCode, ['name']],
]);

/**
 * Sends messages about a change that is saved already: it stands whatever becomes of them, so a failure is only logged.
 * Who cannot be reached holds up nobody else; any other failure would meet the rest too, and ends it.
 */
export async function sendAfterwards(
  { sendPlatformMessage, log }: Readonly<{ sendPlatformMessage: SendPlatformMessage; log: Log }>,
  messages: readonly Readonly<{ userId: string; message: PlatformMessage }>[],
): Promise<void> {
  for (const { userId, message } of messages)
    try {
      await sendPlatformMessage(message);
    } catch (error) {
      const { templateId } = message;
      log.error({ err: error, userId, templateId }, 'The platform could not tell a person of a change');
      if (!(error instanceof Problem && error.status === 400)) return;
    }
}
