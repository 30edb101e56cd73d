import type { Db } from '../../database/connection.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Log } from '../../ground/log.ts';
import { platformTemplateIds, type SendPlatformMessage, sendAfterwards } from './platform-message.ts';
import { findUser } from './store.ts';
import type { User } from './user.ts';

export type NoticeDeps = Readonly<{
  db: Db;
  clock: Clock;
  log: Log;
  sendPlatformMessage: SendPlatformMessage;
}>;

/**
 * Tells a person, at the old address or number, that somebody else (`author`) has changed it (spec 04, section 3.2).
 * Never throws: the change is saved, and a failure is logged. Archived people are told nothing.
 */
export async function tellOfChange(
  deps: NoticeDeps,
  before: User,
  after: User,
  author: string,
): Promise<void> {
  const { id: userId, emailAddress, mobileNumber, state } = before;
  const isEmail = emailAddress !== after.emailAddress;
  const isMobile = mobileNumber !== null && mobileNumber !== after.mobileNumber;
  if (state === 'inactive' || !(isEmail || isMobile)) return;
  try {
    const servicemanagername = (await findUser(deps.db, author, new Date(deps.clock.now())))?.name ?? '';
    const email = {
      templateId: platformTemplateIds.emailChangedByOther,
      recipient: emailAddress,
      personalisation: { name: after.name, servicemanagername, 'email address': after.emailAddress },
    };
    const text = {
      templateId: platformTemplateIds.mobileChangedByOther,
      recipient: mobileNumber ?? '',
      personalisation: { servicemanagername },
    };
    await sendAfterwards(deps, [
      ...(isEmail ? [{ userId, message: email }] : []),
      ...(isMobile ? [{ userId, message: text }] : []),
    ]);
  } catch (error) {
    deps.log.error({ err: error, userId }, 'A person could not be told of a change by somebody else');
  }
}
