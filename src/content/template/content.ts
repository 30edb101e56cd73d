import type { NotificationType } from '../../database/tables.ts';
import { compileEmail, type EmailTemplate } from './email.ts';
import { type CompiledSms, compileSms } from './sms.ts';

/** The words of one template version, parsed once. */
export type Content =
  | Readonly<{ type: 'sms'; sms: CompiledSms }>
  | Readonly<{ type: 'email'; email: EmailTemplate }>;

export function compileContent(type: NotificationType, subject: string | null, content: string): Content {
  return type === 'sms'
    ? { type, sms: compileSms(content) }
    : { type, email: compileEmail(subject ?? '', content) };
}
