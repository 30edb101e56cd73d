import type { TemplateType } from './template.ts';

/** Templates to start from, where a service has none (spec 07, section 6). */
export const examples: readonly Readonly<{
  key: string;
  type: TemplateType;
  name: string;
  subject?: string;
  content: string;
}>[] = [
  {
    key: 'reminder',
    type: 'sms',
    name: 'Appointment reminder',
    content:
      'Hello ((name)), you have an appointment on ((date)) at ((time)). If you cannot come, call ((phone number)).',
  },
  {
    key: 'code',
    type: 'sms',
    name: 'Sign-in code',
    content: '((code)) is your code. It can be used for 15 minutes. Do not give it to anybody.',
  },
  {
    key: 'received',
    type: 'email',
    name: 'We have received your application',
    subject: 'We have received your application ((reference))',
    content:
      'Dear ((name)),\n\nwe received your application on ((date)). Its number is ((reference)).\n\n# What happens next\n\n* we check it within 10 working days\n* we write to you if something is missing\n\n^ You do not need to do anything until then.\n',
  },
];
