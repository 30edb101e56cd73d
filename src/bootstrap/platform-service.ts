import type { NewTemplate } from '../content/template/store.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import { platformTemplateIds } from '../tenant/user/platform-message.ts';
import { type NewUser, platformUserId } from '../tenant/user/store.ts';

/** The author of the templates below and of every automatic change (spec 04, section 4.1). */
export const platformUser: NewUser = {
  id: platformUserId,
  name: 'Despatch',
  emailAddress: 'despatch@despatch.localhost',
  state: 'active',
};

/**
 * The templates of the platform's own messages, under the ids that the admin pages use (spec 06, section 6.2). The
 * wording is ours; operators may change it.
 */
export const platformTemplates: readonly NewTemplate[] = [
  {
    id: platformTemplateIds.invitation,
    type: 'email' as const,
    name: 'Invitation',
    subject: '((user_name)) has invited you to ((service_name))',
    content:
      '((user_name)) has invited you to help send messages for ((service_name)).\n\nOpen this link within ((life)) to accept:\n((url))\n',
  },
  {
    id: platformTemplateIds.smsCode,
    type: 'sms' as const,
    name: 'Sign-in code',
    subject: null,
    content: '((verify_code)) is your sign-in code. It can be used once, within 30 minutes.',
  },
  {
    id: platformTemplateIds.emailCode,
    type: 'email' as const,
    name: 'Sign-in code by email',
    subject: 'Your sign-in code',
    content:
      'Hello ((name)),\n\n((verify_code)) is your sign-in code. It can be used once, within 30 minutes.\n\nIf you did not ask for it, somebody else may know your password.\n',
  },
  {
    id: platformTemplateIds.emailVerification,
    type: 'email' as const,
    name: 'Email verification',
    subject: 'Confirm your email address',
    content: 'Hello ((name)),\n\nOpen this link within one hour to confirm your email address:\n((url))\n',
  },
  {
    id: platformTemplateIds.passwordReset,
    type: 'email' as const,
    name: 'Password reset',
    subject: 'Choose a new password',
    content:
      'Hello ((user_name)),\n\nOpen this link within one hour to choose a new password:\n((url))\n\nIf you did not ask for it, you can ignore this email.\n',
  },
  {
    id: platformTemplateIds.alreadyRegistered,
    type: 'email' as const,
    name: 'Already registered',
    subject: 'You already have an account',
    content:
      'Somebody, probably you, tried to register with this email address, which already has an account.\n\nSign in here: ((signin_url))\n\nIf you have forgotten your password, choose a new one here: ((forgot_password_url))\n\nIf it was not you, tell us here: ((feedback_url))\n',
  },
  {
    id: platformTemplateIds.changeOfEmail,
    type: 'email' as const,
    name: 'Change of email address',
    subject: 'Confirm your new email address',
    content:
      'Hello ((name)),\n\nOpen this link within one hour to confirm your new email address:\n((url))\n\nIf you did not ask for this, tell us here: ((feedback_url))\n',
  },
  {
    id: platformTemplateIds.serviceIsLive,
    type: 'email' as const,
    name: 'Service is live',
    subject: '((service_name)) is live',
    content:
      'Hello ((name)),\n\n((service_name)) is live now. It can send messages to anybody, up to ((message_limit)) a day.\n',
  },
  {
    id: platformTemplateIds.emailChangedByOther,
    type: 'email' as const,
    name: 'Email address changed by somebody else',
    subject: 'Your email address has been changed',
    content:
      'Hello ((name)),\n\n((servicemanagername)) has changed the email address of your account to ((email address)).\n\nIf you did not expect this, contact ((servicemanagername)).\n',
  },
  {
    id: platformTemplateIds.mobileChangedByOther,
    type: 'sms' as const,
    name: 'Mobile number changed by somebody else',
    subject: null,
    content:
      '((servicemanagername)) has changed the mobile number of your account. If you did not expect this, contact them.',
  },
  {
    id: platformTemplateIds.replyToVerification,
    type: 'email' as const,
    name: 'Check of a reply-to address',
    subject: 'Checking your reply-to address',
    content:
      'This email address is being added to a service, so that people can reply to the emails of that service.\n\nThis email only checks that messages arrive here. You do not need to do anything.\n',
  },
  {
    id: platformTemplateIds.costAlert,
    type: 'email' as const,
    name: 'Costs have reached an amount',
    subject: '((service_name)) has reached ((amount))',
    content:
      'Hello ((name)),\n\nThe text messages of ((service_name)) have cost ((cost)) in ((period)), without VAT. You asked to be told at ((amount)).\n\nMessages are still sent. To be told at another amount, set it among the costs of the service.\n',
  },
].map((template) => ({ ...template, serviceId: platformServiceId, priority: true, hidden: true }));
