import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Db } from '../database/connection.ts';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { createShifting, type Shifting } from '../provider/shifting.ts';
import { platformUserId } from '../user/user.ts';
import { type Supplier, switchedPair } from './suppliers.ts';

type ShiftingNeeds = Readonly<{
  config: Config;
  db: Db;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  suppliers: readonly Supplier[];
}>;

/** What shifts texts between the providers of this installation, as its settings say. */
export function openShifting({ config, suppliers, ...deps }: ShiftingNeeds): Shifting {
  const { slowCheckServiceId: serviceId, slowCheckTemplateId: templateId } = config;
  const texts = suppliers
    .flatMap(({ details }) => details)
    .filter(({ notificationType }) => notificationType === 'sms');
  return createShifting({
    ...deps,
    strategy: config.smsProviderStrategy,
    isConfigured: (name) => texts.some(({ identifier }) => identifier === name),
    pair: switchedPair,
    slowCheck: serviceId !== null && templateId !== null ? { serviceId, templateId } : null,
    errors: { threshold: config.smsProviderErrorThreshold, seconds: config.smsProviderErrorIntervalSeconds },
    restingPoints: config.smsProviderRestingPoints,
    by: platformUserId,
  });
}
