import { list, setting, text, url, whole } from './setting.ts';

export const api = {
  host: setting('HOST', text('127.0.0.1'), 'Address the HTTP API listens on; 0.0.0.0 for every interface.'),
  port: setting('PORT', whole(6011, 0, 65_535), 'Port of the HTTP API; 0 picks a free one.'),
  publicUrl: setting(
    'API_HOST_NAME',
    url(['http', 'https']),
    'Base URL of the API as callers, providers and recipients see it. Set it where workers run without the API: unsubscribe links begin with it.',
    'the scheme and host of the request',
  ),
  adminBaseUrl: setting(
    'ADMIN_BASE_URL',
    url(['http', 'https']),
    'Base URL of the pages for people as they see it: links in messages begin with it, and the pages answer no other host besides loopback.',
    '`http://127.0.0.1:` and `WEB_PORT`',
  ),
  invitationDays: setting(
    'INVITATION_EXPIRATION_DAYS',
    // They are deleted after 30 days.
    whole(2, 1, 30),
    'Days for which an invitation to join a service can be accepted.',
  ),
  simulatedRecipients: setting(
    'SIMULATED_RECIPIENTS',
    list(null),
    'Numbers and addresses, separated by commas, that get the usual response but are neither stored nor sent to.',
    'those of the official documentation',
  ),
  alertMinutes: setting(
    'NOTIFICATIONS_ALERT',
    whole(5, 1, 1440),
    'Minutes after which `/_delivery_status` complains of a message that is still `sending`.',
  ),
  gitCommit: setting('GIT_COMMIT', text(''), 'Shown by /_status.'),
  buildTime: setting('BUILD_TIME', text(''), 'Shown by /_status.'),
};

export const documents = {
  maxBytes: setting(
    'DOCUMENT_MAX_BYTES',
    // A whole request must fit into the 16 MiB that the API accepts.
    whole(2_097_152, 1, 10_485_760),
    'Maximum size in bytes, before base64, of a file sent as a link.',
  ),
  dailyFiles: setting(
    'DOCUMENT_DAILY_FILES',
    whole(10_000, 0, 1_000_000_000),
    'Most files that one service may send in a day.',
  ),
  dailyBytes: setting(
    'DOCUMENT_DAILY_BYTES',
    whole(1_073_741_824, 0, 1_000_000_000_000_000),
    'Most bytes, before base64, of all files that one service may send in a day.',
  ),
  baseUrl: setting(
    'DOCUMENT_BASE_URL',
    url(['http', 'https']),
    'Base URL of the links to files; a proxy passes the paths below /d/ of this host to the API unchanged.',
    'that of the API',
  ),
};
