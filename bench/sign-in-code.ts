import { randomInt } from 'node:crypto';
import { platformTemplates } from '../src/bootstrap/platform-service.ts';
import type { Batcher } from '../src/ground/batcher.ts';
import type { Cipher } from '../src/ground/cipher.ts';
import { systemClock } from '../src/ground/clock.ts';
import { createIdSource } from '../src/ground/id.ts';
import { notifyInternal, priorities } from '../src/message/delivery/queue.ts';
import type { AcceptResult, Submission } from '../src/message/submission/accept-batch.ts';
import { platformServiceId } from '../src/tenant/service/service.ts';

const template = platformTemplates.find(({ name }) => name === 'Sign-in code')!;

/** Accepts a sign-in code as the platform does for its own messages; answers its id once it is committed. */
export function createSignInCodes(
  cipher: Cipher,
  acceptance: Batcher<Submission, AcceptResult>,
): () => Promise<string> {
  const newId = createIdSource(systemClock);
  return async () => {
    const id = newId();
    const recipient = '07700900123';
    const { verdict } = await acceptance.add({
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
