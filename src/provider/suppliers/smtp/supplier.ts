import type { Supplier } from '../../contract.ts';

/** A mail server. It posts no receipts. */
export const supplier: Supplier = {
  identifier: 'smtp',
  displayName: 'SMTP',
  types: ['email'],
  priority: 20,
  isConfigured: ({ smtp }) => smtp.url !== null,
  async open({ smtp, providers }) {
    const { smtpProvider } = await import('./send.ts');
    return smtpProvider({
      url: smtp.url!,
      timeoutSeconds: providers.timeoutSeconds,
      connections: smtp.connections,
    });
  },
};
