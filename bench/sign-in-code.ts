import { randomInt } from 'node:crypto';
import type { Batcher } from '../src/batcher.ts';
import { platformTemplates } from '../src/bootstrap/platform-service.ts';
import type { Cipher } from '../src/cipher.ts';
import { systemClock } from '../src/clock.ts';
import { notifyInternal, priorities } from '../src/delivery/queue.ts';
import { createIdSource } from '../src/identifier.ts';
import { platformServiceId } from '../src/service/service.ts';
import type { Admitted, Submission } from '../src/submission/accept-statement.ts';

const template = platformTemplates.find(({ name }) => name === 'Sign-in code')!;

/** Accepts a sign-in code as the platform does for its own messages; answers its id once it is committed. */
export function createSignInCodes(
  cipher: Cipher,
  accepting: Batcher<Submission, Admitted>,
): () => Promise<string> {
  const newId = createIdSource(systemClock);
  return async () => {
    const id = newId();
    const recipient = '07700900123';
    const { verdict } = await accepting.add({
      ...{ serviceId: platformServiceId, keyType: 'normal', rateLimit: 12_000_000 },
      ...{ dailyLimit: null, internationalLimit: null, idempotency: null },
      message: {
        ...{ id, serviceId: platformServiceId, type: 'sms', keyType: 'normal', apiKeyId: null },
        ...{ templateId: template.id, templateVersion: 1, jobId: null, jobRowNumber: null },
        ...{ createdAt: new Date(), scheduledFor: null, clientReference: null, requestId: null },
        ...{ international: false, phonePrefix: '44', rateMultiplier: 1, recipient },
        ...{ normalisedRecipient: '447700900123', replyToText: null, unsubscribeUrl: null },
        personalisation: cipher.seal(JSON.stringify({ verify_code: String(randomInt(10_000, 99_999)) }), id),
        queue: notifyInternal.name,
        priority: priorities.priorityTemplate,
      },
    });
    if (verdict !== 'accepted') throw new Error(`A sign-in code was not accepted: ${verdict}`);
    return id;
  };
}
