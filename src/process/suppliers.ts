/** Who can be sent through, and where their receipts arrive: the one file that names suppliers. */

import type { Config } from '../config/config.ts';
import type { NotificationType } from '../database/tables.ts';
import type { Clock } from '../ground/clock.ts';
import type { Provider, ProviderDetails, ReceiptEndpoint } from '../provider/contract.ts';
import type { InboundEndpoint } from '../provider/inbound.ts';
import { firetextInbound } from '../provider/suppliers/firetext/inbound.ts';
import { firetextFakeReceipts, firetextReceipts } from '../provider/suppliers/firetext/receipt.ts';
import { firetextProvider } from '../provider/suppliers/firetext/send.ts';
import { loadtestingProvider } from '../provider/suppliers/loadtesting/send.ts';
import { mmgInbound } from '../provider/suppliers/mmg/inbound.ts';
import { mmgReceipts } from '../provider/suppliers/mmg/receipt.ts';
import { mmgProvider } from '../provider/suppliers/mmg/send.ts';
import { sandboxReceipts } from '../provider/suppliers/sandbox/receipt.ts';
import { sandboxProvider } from '../provider/suppliers/sandbox/send.ts';
import { sesReceipts } from '../provider/suppliers/ses/receipt.ts';

/** Of the platform's own messages, one process sends this many at once. */
export const internalConcurrency = 50;

/** One that messages can be handed to: its rows in the table of providers, and how its client is made. */
export type Supplier = Readonly<{
  details: readonly (ProviderDetails & { displayName: string })[];
  open: (needs: SupplierNeeds) => Provider | Promise<Provider>;
}>;

type SupplierNeeds = Readonly<{
  sandboxUrl: string;
  ownUrl: () => string;
  /** Queues a receipt for a text that nobody got. */
  report: (notificationId: string) => Promise<void>;
}>;

/** Whether two rows of the table are about the same supplier and type. */
export function isSameProvider(a: ProviderDetails, b: ProviderDetails): boolean {
  return a.identifier === b.identifier && a.notificationType === b.notificationType;
}

/** The text providers between which slow delivery switches (spec 05, section 4). */
export const switchedPair = ['mmg', 'firetext'] as const;

const usesMmg = (config: Config) => config.mmg.apiKey !== null;
const usesFiretext = (config: Config) => config.firetext.apiKey !== null;
const usesSes = (config: Config) => config.ses.enabled;
const usesSmtp = (config: Config) => config.smtp.url !== null;

/** The types of message for which no real provider is configured (DESIGN, section 4). */
export function sandboxTypes(config: Config): readonly NotificationType[] {
  const sms = usesMmg(config) || usesFiretext(config) ? [] : (['sms'] as const);
  return usesSes(config) || usesSmtp(config) ? sms : [...sms, 'email'];
}

/** The suppliers that the configuration has keys for, and the sandbox for what they leave; the only place that names them. */
export function suppliersOf(config: Config): readonly Supplier[] {
  const { timeoutSeconds } = config.providers;
  // As many as there are senders: of the queue of the type, and of the platform's own messages.
  const limits = { timeoutSeconds, connections: config.delivery.concurrency + internalConcurrency };
  const details = (
    [identifier, displayName, notificationType]: readonly [string, string, NotificationType],
    priority: number,
    rest: Partial<ProviderDetails> = {},
  ) => ({
    identifier,
    displayName,
    notificationType,
    priority,
    active: true,
    supportsInternational: false,
    ...rest,
  });
  const firetext = (identifier: string, url: string, apiKey: string) =>
    firetextProvider({
      identifier,
      url,
      apiKey,
      internationalApiKey: identifier === 'firetext' ? config.firetext.internationalApiKey : null,
      receiptUrl: config.firetext.receiptUrl,
      receiptCredentials: config.firetext.receiptAuth,
      ...limits,
    });
  const suppliers: Supplier[] = [];
  const mmgApiKey = config.mmg.apiKey;
  const firetextApiKey = config.firetext.apiKey;
  const loadtestingUrl = config.loadtesting.url;
  const smtpUrl = config.smtp.url;
  const { accessKeyId, secretAccessKey, sessionToken } = config.ses;
  if (mmgApiKey !== null)
    suppliers.push({
      details: [details(['mmg', 'MMG', 'sms'], 10, { supportsInternational: true })],
      open: () =>
        mmgProvider({
          url: config.mmg.url,
          apiKey: mmgApiKey,
          receiptUrl: config.mmg.receiptUrl,
          receiptCredentials: config.mmg.receiptAuth,
          ...limits,
        }),
    });
  if (firetextApiKey !== null)
    suppliers.push({
      details: [
        details(['firetext', 'Firetext', 'sms'], 20, {
          supportsInternational: config.firetext.internationalApiKey !== null,
        }),
      ],
      open: () => firetext('firetext', config.firetext.url, firetextApiKey),
    });
  suppliers.push({
    details: [details(['loadtesting', 'Load testing', 'sms'], 30, { active: false })],
    open: ({ report }) =>
      loadtestingUrl !== null
        ? firetext('loadtesting', loadtestingUrl, config.loadtesting.apiKey ?? '')
        : loadtestingProvider({
            latencyMilliseconds: config.loadtesting.latencyMilliseconds,
            report,
            fakeReceipts: firetextFakeReceipts,
          }),
  });
  if (usesSes(config))
    suppliers.push({
      details: [details(['ses', 'Amazon SES', 'email'], 10)],
      open: async () => {
        // Loaded where it is used: the SDK takes time and memory.
        const { sesProvider } = await import('../provider/suppliers/ses/send.ts');
        const credentials =
          accessKeyId !== null && secretAccessKey !== null
            ? {
                accessKeyId,
                secretAccessKey,
                ...(sessionToken && { sessionToken }),
              }
            : null;
        return sesProvider({ region: config.ses.region, url: config.ses.url, credentials, ...limits });
      },
    });
  if (smtpUrl !== null)
    suppliers.push({
      details: [details(['smtp', 'SMTP', 'email'], 20)],
      open: async () => {
        const { smtpProvider } = await import('../provider/suppliers/smtp/send.ts');
        return smtpProvider({ url: smtpUrl, timeoutSeconds, connections: config.smtp.connections });
      },
    });
  const left = sandboxTypes(config);
  if (left.length > 0)
    suppliers.push({
      details: left.map((type) =>
        details(['sandbox', 'Sandbox', type], 100, { supportsInternational: true }),
      ),
      // It takes both types, and each type's queue sends so many at once.
      open: ({ sandboxUrl, ownUrl }) =>
        sandboxProvider({
          url: sandboxUrl,
          receiptUrl: ownUrl,
          timeoutSeconds,
          connections: 2 * config.delivery.concurrency,
        }),
    });
  return suppliers;
}

/**
 * Where receipts arrive. The endpoints of the real suppliers are always open, so that receipts still under way find one when
 * a key is taken out; the sandbox's, which anybody on the network may use, only while something is sent through it.
 */
export function receiptEndpointsOf(config: Config, clock: Clock): readonly ReceiptEndpoint[] {
  return [
    mmgReceipts(config.mmg.receiptAuth),
    firetextReceipts(config.firetext.receiptAuth),
    sesReceipts({ clock, topicArns: config.ses.topicArns }),
    ...sandboxTypes(config).map(sandboxReceipts),
  ];
}

/** Where received texts arrive: always open, to those who show the credentials that are configured. */
export function inboundEndpointsOf(config: Config): readonly InboundEndpoint[] {
  return [
    mmgInbound(config.mmg.inboundUsers, config.mmg.inboundPasswords),
    firetextInbound(config.firetext.inboundPasswords),
  ];
}
