import { list, setting, supplierKey, url, userAndPassword, whole } from './setting.ts';

export const firetext = {
  url: setting(
    'FIRETEXT_URL',
    url(['http', 'https'], 'https://www.firetext.co.uk/api/sendsms/json'),
    'Where texts are handed to Firetext.',
  ),
  apiKey: setting('FIRETEXT_API_KEY', supplierKey, 'Key for Firetext.', 'none: not used'),
  internationalApiKey: setting(
    'FIRETEXT_INTERNATIONAL_API_KEY',
    supplierKey,
    'Key for Firetext for numbers abroad.',
    'FIRETEXT_API_KEY',
  ),
  receiptUrl: setting(
    'FIRETEXT_RECEIPT_URL',
    url(['http', 'https']),
    'Where Firetext is asked to post receipts: the public URL of /notifications/sms/firetext.',
    'what the account says',
  ),
  receiptAuth: setting(
    'FIRETEXT_RECEIPT_AUTH',
    userAndPassword,
    'user:password that receipts of Firetext must carry; added to FIRETEXT_RECEIPT_URL automatically.',
    'none: open; only on loopback',
  ),
  inboundPasswords: setting(
    'FIRETEXT_INBOUND_SMS_AUTH',
    { ...list([]), isSecret: true },
    'Passwords accepted with received texts of Firetext, for the user notify; separated by commas.',
    'none: all are refused',
  ),
};

/** Uses Firetext's protocol, or makes no calls without a URL. */
export const loadtesting = {
  url: setting(
    'LOADTESTING_URL',
    url(['http', 'https']),
    'A server with the API of Firetext, for the provider loadtesting.',
    'none: no call is made',
  ),
  apiKey: setting('LOADTESTING_API_KEY', supplierKey, 'Key for the provider loadtesting.'),
  latencyMilliseconds: setting(
    'LOADTESTING_LATENCY_MS',
    whole(0, 0, 60_000),
    'How long a call of the provider loadtesting takes without LOADTESTING_URL.',
  ),
};
