import { settingsInForce } from '../config/in-force.ts';
import { parseEmailAddress } from '../content/recipient/email-address.ts';
import type { Rates } from '../content/recipient/international-rates.ts';
import {
  checkPermissions,
  longestPhoneNumber,
  parsePhoneNumber,
  parseServiceContactNumber,
} from '../content/recipient/phone-number.ts';
import { phoneProblemText } from '../content/recipient/phone-problem.ts';
import { adminTemplateRoutes } from '../content/template/admin-routes.ts';
import { draftRoutes } from '../content/template/draft-routes.ts';
import { folderRoutes } from '../content/template/folder-routes.ts';
import { archiveTemplates, findTemplateHistory } from '../content/template/store.ts';
import { addToFolders } from '../content/template/store-folders.ts';
import type { Mount } from '../http/server/server.ts';
import { contactListRoutes } from '../job/contact-list/routes.ts';
import { reportRoutes } from '../job/report/routes.ts';
import { resultCsvRoutes } from '../job/results/csv-routes.ts';
import { reasonRoutes } from '../job/results/reason-routes.ts';
import { createResending, resendRoutes } from '../job/results/resend-routes.ts';
import { resultRoutes } from '../job/results/routes.ts';
import { jobRoutes } from '../job/run/routes.ts';
import { steerRoutes } from '../job/run/steer-routes.ts';
import { uploadRoutes } from '../job/upload/routes.ts';
import { uploadRowRoutes } from '../job/upload/row-routes.ts';
import { callbackApiRoutes } from '../message/callback/routes.ts';
import { callbackHealthRoutes } from '../message/callback/routes-health.ts';
import { adminCallbackLogRoutes } from '../message/callback/routes-log.ts';
import { deliverQueues } from '../message/delivery/queue.ts';
import { deliverRoutes } from '../message/delivery/routes.ts';
import { costInPounds, rateAt } from '../message/rate/rate.ts';
import { unitRateRoutes } from '../message/rate/routes.ts';
import { conversationRoutes } from '../message/reading/admin/conversation-routes.ts';
import { findRoutes } from '../message/reading/admin/find-routes.ts';
import { adminNotificationRoutes } from '../message/reading/admin/routes.ts';
import { findNotification } from '../message/reading/store.ts';
import { adminInboundRoutes } from '../message/receipt/inbound/admin-routes.ts';
import { createDownloads, inboundCsvRoutes } from '../message/receipt/inbound/csv-routes.ts';
import { numberRoutes } from '../message/receipt/inbound/number-routes.ts';
import { oneOffRoutes } from '../message/submission/one-off/routes.ts';
import {
  createPreparePlatformMessage,
  createSendPlatformMessage,
} from '../message/submission/platform-message.ts';
import { adminSuppressionRoutes } from '../message/suppression/routes.ts';
import { providerLeverRoutes } from '../provider/lever/routes.ts';
import { providerRoutes } from '../provider/routes.ts';
import { platformFiguresRoutes } from '../statistics/platform/figures-routes.ts';
import { platformMinutesRoutes } from '../statistics/platform/minutes-routes.ts';
import { platformStatsRoutes } from '../statistics/platform/stats-routes.ts';
import { createReadStatistics, statisticsRoutes } from '../statistics/totals/service-routes.ts';
import { templateStatisticsRoutes } from '../statistics/totals/template-routes.ts';
import { alertRoutes } from '../statistics/usage/alert-routes.ts';
import { billingRoutes } from '../statistics/usage/billing-routes.ts';
import { costsRoutes } from '../statistics/usage/costs-routes.ts';
import { unitsRoutes } from '../statistics/usage/units-routes.ts';
import { eventRoutes } from '../tenant/event/routes.ts';
import { inviteRoutes } from '../tenant/invite/routes.ts';
import { inviteTokenRoutes } from '../tenant/invite/token-routes.ts';
import { keyRoutes } from '../tenant/key/routes.ts';
import { endKeys, findKeyHistory } from '../tenant/key/store.ts';
import { organisationRoutes } from '../tenant/organisation/routes.ts';
import { memberRoutes } from '../tenant/service/member-routes.ts';
import { retentionRoutes } from '../tenant/service/retention-routes.ts';
import { serviceRoutes } from '../tenant/service/routes.ts';
import { senderRoutes } from '../tenant/service/sender-routes.ts';
import { platformServiceId } from '../tenant/service/service.ts';
import { serviceStateRoutes } from '../tenant/service/state-routes.ts';
import { firstOperatorRoutes } from '../tenant/user/first-operator.ts';
import { linkRoutes } from '../tenant/user/link-routes.ts';
import { userRoutes } from '../tenant/user/routes.ts';
import { signInRoutes } from '../tenant/user/sign-in-routes.ts';
import { parkedRoutes } from '../upkeep/parked-routes.ts';
import { queueRoutes } from '../upkeep/queues-routes.ts';
import { stuckRoutes } from '../upkeep/stuck-routes.ts';
import { systemRoutes } from '../upkeep/system-routes.ts';
import { periodicTasks } from './periodic.ts';
import type { RouteDeps } from './route-deps.ts';

/** Routes that the admin client calls. */
export function mountAdmin(mount: Mount, deps: RouteDeps): void {
  const rules = recipientRules(deps.rates);
  const people = {
    ...deps,
    ...rules,
    sendPlatformMessage: createSendPlatformMessage(deps),
    preparePlatformMessage: createPreparePlatformMessage(deps),
    readStatistics: createReadStatistics(deps.reads, platformServiceId),
  };
  mount(userRoutes, people);
  mount(signInRoutes, people);
  mount(linkRoutes, people);
  mount(firstOperatorRoutes, people);
  mount(eventRoutes, deps);
  mount(providerRoutes, deps);
  mount(serviceRoutes, people);
  mount(providerLeverRoutes, deps);
  mount(organisationRoutes, deps);
  mount(serviceStateRoutes, { ...deps, endKeys, findKeyHistory, archiveTemplates, findTemplateHistory });
  mount(memberRoutes, { ...deps, ...rules });
  mount(inviteRoutes, people);
  mount(inviteTokenRoutes, { ...deps, addToFolders });
  mount(keyRoutes, deps);
  mount(senderRoutes, {
    ...people,
    findPlatformStatus: async (id) =>
      (await findNotification(deps, deps.db, platformServiceId, id))?.status ?? null,
  });
  mount(retentionRoutes, deps);
  mount(deliverRoutes, deps);
  mount(numberRoutes, { ...deps, providers: deps.receiving.map(({ identifier }) => identifier) });
  mount(callbackApiRoutes, deps);
  mount(callbackHealthRoutes, deps);
  mount(adminCallbackLogRoutes, deps);
  mount(adminSuppressionRoutes, deps);
  mount(adminTemplateRoutes, deps);
  const smsCost = async (fragments: number, at: Date) =>
    costInPounds(fragments, rateAt(await deps.unitRates.get('sms'), at));
  mount(draftRoutes, { ...deps, smsCost });
  mount(unitRateRoutes, deps);
  mount(folderRoutes, deps);
  mount(adminInboundRoutes, deps);
  const downloads = createDownloads();
  mount(inboundCsvRoutes, { ...deps, downloads });
  mount(oneOffRoutes, deps);
  mount(jobRoutes, { ...deps, scheduledJobMaxDays: deps.config.delivery.scheduledJobMaxDays });
  mount(steerRoutes, deps);
  mount(uploadRoutes, deps);
  mount(uploadRowRoutes, { ...deps, downloads });
  mount(contactListRoutes, deps);
  mount(conversationRoutes, deps);
  mount(findRoutes, deps);
  const { queuePrefix } = deps.config.installation;
  const reading = { ...deps, deliverQueues: deliverQueues.map(({ name }) => queuePrefix + name) };
  mount(adminNotificationRoutes, reading);
  mount(resultRoutes, reading);
  mount(reasonRoutes, deps);
  mount(resendRoutes, { ...reading, resending: createResending() });
  mount(resultCsvRoutes, { ...reading, downloads });
  mount(reportRoutes, { ...deps, downloads });
  mount(statisticsRoutes, deps);
  mount(templateStatisticsRoutes, deps);
  const { freeSmsFragments } = deps.config.delivery;
  for (const routes of [unitsRoutes, billingRoutes, costsRoutes])
    mount(routes, { ...deps, freeSmsFragments });
  mount(alertRoutes, deps);
  mountOperations(mount, deps);
}

/** How the platform itself is, for operators. */
function mountOperations(mount: Mount, deps: RouteDeps): void {
  const { queuePrefix } = deps.config.installation;
  const { sendingTimeoutSeconds } = deps.config.delivery;
  const figures = { ...deps, freeSmsFragments: deps.config.delivery.freeSmsFragments };
  mount(platformFiguresRoutes, figures);
  mount(platformMinutesRoutes, deps);
  mount(platformStatsRoutes, figures);
  mount(queueRoutes, { ...deps, queuePrefix });
  mount(parkedRoutes, { ...deps, queuePrefix });
  mount(stuckRoutes, { ...deps, queuePrefix, sendingTimeoutSeconds });
  mount(systemRoutes, { ...deps, periodic: periodicTasks(deps), settings: settingsInForce(deps.config) });
}

/** Recipients as services enter them, for rooms that come before the recipients. */
function recipientRules(rates: Rates) {
  const isEmailAddress = (text: string) => parseEmailAddress(text).ok;
  const parseEmail = (text: string) => {
    const outcome = parseEmailAddress(text);
    return outcome.ok ? outcome.emailAddress.address : null;
  };
  const isPhoneNumber = (text: string) =>
    text.length <= longestPhoneNumber && parsePhoneNumber(text, rates).ok;
  const isContact = (text: string) =>
    (/^https?:\/\/\S+$/i.test(text) && URL.canParse(text)) ||
    isEmailAddress(text) ||
    parseServiceContactNumber(text).ok;
  const phoneFault = (text: string) => {
    const outcome = parsePhoneNumber(text.slice(0, longestPhoneNumber), rates);
    const fault = outcome.ok
      ? checkPermissions(outcome.phoneNumber, { international: true, ukLandlines: false })
      : outcome.error;
    return fault && phoneProblemText(fault);
  };
  return { isEmailAddress, parseEmail, isPhoneNumber, isContact, phoneFault };
}
