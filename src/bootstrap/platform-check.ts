import { writeText } from '../content/template/change.ts';
import { platformFaults } from '../content/template/platform-template.ts';
import { findWrittenTemplate, type WrittenTemplate } from '../content/template/store.ts';
import type { Db, DbOrTrx } from '../database/connection.ts';
import { recordEvent } from '../tenant/event/store.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import { findService } from '../tenant/service/store.ts';
import { changeService, lockService } from '../tenant/service/store-admin.ts';
import { changeUser, findUser, platformUserId } from '../tenant/user/store.ts';
import { addPlatform } from './bootstrap.ts';
import { platformTemplates } from './platform-service.ts';

/** What is wrong with the platform's own user, service and templates, as sentences without a full stop. */
export async function platformProblems(db: DbOrTrx, at: Date): Promise<readonly string[]> {
  const user = await findUser(db, platformUserId, at);
  const service = await findService(db, platformServiceId);
  const templates = await readTemplates(db);
  return [
    ...(user ? [] : [`the platform's user ${platformUserId} is missing`]),
    ...(user && user.state !== 'active' ? [`the platform's user ${platformUserId} is not active`] : []),
    ...(service ? [] : [`the platform's service ${platformServiceId} is missing`]),
    ...(service && !service.active ? [`the platform's service ${platformServiceId} is not active`] : []),
    ...templates.flatMap(({ id, name, found }) =>
      faultsOf(id, found).map((fault) => `template ${id} (${name}) ${fault}`),
    ),
  ];
}

/**
 * Puts right what `platformProblems` finds: adds what is missing, and gives a template that would not do our text, as its
 * next version. Changes are recorded as done by the platform's user.
 */
export async function repairPlatform(db: Db, at: Date): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await addPlatform(trx);
    const event = { serviceId: null, userId: platformUserId, subjectId: platformUserId };
    const data = (before: object) => ({ before, after: { state: 'active' } });
    const user = await findUser(trx, platformUserId, at);
    if (user && user.state !== 'active') {
      await changeUser(trx, platformUserId, { state: 'active' }, at);
      await recordEvent(trx, { ...event, type: 'update_user', data: data({ state: user.state }) }, at);
    }
    const service = await lockService(trx, platformServiceId);
    if (service && !service.active) {
      const own = { serviceId: platformServiceId, subjectId: platformServiceId };
      await changeService(trx, platformServiceId, { active: true }, platformUserId, at);
      await recordEvent(
        trx,
        {
          ...{ ...event, ...own, type: 'update_service' },
          data: { before: { active: false }, after: { active: true } },
        },
        at,
      );
    }
    for (const { id, subject, content, found } of await readTemplates(trx)) {
      if (!found || faultsOf(id, found).length === 0) continue;
      const { name, priority } = found;
      const text = { name, subject, content, priority, hasUnsubscribeLink: false, archived: false };
      await writeText(trx, found, text, platformUserId, at);
    }
  });
}

/** Our text of each template, and what there is. */
async function readTemplates(db: DbOrTrx) {
  const all = [];
  for (const { id, name, subject, content } of platformTemplates)
    all.push({
      ...{ id, name, subject, content },
      found: await findWrittenTemplate(db, platformServiceId, id, null, { hidden: true }),
    });
  return all;
}

function faultsOf(id: string, found: WrittenTemplate | null): readonly string[] {
  if (!found) return ['is missing'];
  const faults = platformFaults(id, found).map((fault) => fault.replace(/^Must/, 'must'));
  return found.archived ? ['is deleted', ...faults] : faults;
}
