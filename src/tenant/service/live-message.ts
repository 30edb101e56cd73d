import type { Db } from '../../database/connection.ts';
import type { Log } from '../../ground/log.ts';
import { platformTemplateIds, type SendPlatformMessage, sendAfterwards } from '../user/platform-message.ts';
import { findMembersOf } from '../user/store.ts';
import type { ShownService } from './record.ts';

export type LiveMessageDeps = Readonly<{ db: Db; log: Log; sendPlatformMessage: SendPlatformMessage }>;

const thousands = new Intl.NumberFormat('en-GB');

/**
 * Tells every active member that the service is live, after that is saved (spec 04, section 1.6). Never throws: a
 * failure is logged.
 */
export async function tellLive(deps: LiveMessageDeps, service: ShownService, at: Date): Promise<void> {
  try {
    const members = await findMembersOf(deps.db, service.id, at);
    await sendAfterwards(
      deps,
      members
        .filter(({ state }) => state === 'active')
        .map((member) => ({
          userId: member.id,
          message: {
            templateId: platformTemplateIds.serviceIsLive,
            recipient: member,
            personalisation: {
              name: member.name,
              service_name: service.name,
              message_limit: thousands.format(service.message_limit),
            },
          },
        })),
    );
  } catch (error) {
    deps.log.error({ err: error, serviceId: service.id }, 'The members of a live service could not be told');
  }
}
