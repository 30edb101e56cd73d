import { setting, url, whole } from './setting.ts';

export const smtp = {
  url: setting(
    'SMTP_URL',
    url(['smtp', 'smtps']),
    'Mail server: smtp://user:password@host:587, or smtps:// for TLS from the first byte.',
    'none: not used',
  ),
  connections: setting(
    'SMTP_CONNECTIONS',
    whole(20, 1, 1000),
    'Maximum connections of one process to the mail server.',
  ),
};
