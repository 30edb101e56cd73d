import { list, setting, supplierKey, url, userAndPassword } from './setting.ts';

export const mmg = {
  url: setting(
    'MMG_URL',
    url(['http', 'https'], 'https://api.mmg.co.uk/jsonv2a/api.php'),
    'Where texts are handed to MMG.',
  ),
  apiKey: setting('MMG_API_KEY', supplierKey, 'Key for MMG, sent as it is after Basic.', 'none: not used'),
  receiptUrl: setting(
    'MMG_RECEIPT_URL',
    url(['http', 'https']),
    'Where MMG is asked to post receipts: the public URL of /notifications/sms/mmg.',
    'what the account says',
  ),
  receiptAuth: setting(
    'MMG_RECEIPT_AUTH',
    userAndPassword,
    'user:password that receipts of MMG must carry; added to MMG_RECEIPT_URL automatically.',
    'none: open; only on loopback',
  ),
  inboundUsers: setting(
    'MMG_INBOUND_SMS_USERNAME',
    list([]),
    'User names accepted with received texts of MMG; separated by commas.',
    'none: all are refused',
  ),
  inboundPasswords: setting(
    'MMG_INBOUND_SMS_AUTH',
    { ...list([]), isSecret: true },
    'Passwords of these users; separated by commas.',
    'none: all are refused',
  ),
};
