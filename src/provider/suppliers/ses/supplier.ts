import type { Supplier } from '../../contract.ts';
import { sesReceipts } from './receipt.ts';

export const supplier: Supplier = {
  identifier: 'ses',
  displayName: 'Amazon SES',
  types: ['email'],
  priority: 10,
  isConfigured: ({ ses }) => ses.enabled,
  async open({ ses, providers }, { connections }) {
    const { sesProvider } = await import('./send.ts');
    const { region, url, accessKeyId, secretAccessKey, sessionToken } = ses;
    const credentials =
      accessKeyId !== null && secretAccessKey !== null
        ? { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
        : null;
    return sesProvider({ region, url, credentials, timeoutSeconds: providers.timeoutSeconds, connections });
  },
  receiptEndpoint: ({ ses }, { clock }) =>
    sesReceipts({ clock, topicArns: ses.topicArns, isUsed: ses.enabled }),
  receiptProof: { settings: 'SES_SNS_TOPIC_ARNS', isConfigured: ({ ses }) => ses.topicArns.length > 0 },
};
