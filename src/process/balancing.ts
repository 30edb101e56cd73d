import type { Config } from '../config/config.ts';
import type { Db } from '../database/connection.ts';
import type { Clock } from '../ground/clock.ts';
import type { Log } from '../ground/log.ts';
import type { Metrics } from '../ground/metrics.ts';
import { type Balancing, createBalancing } from '../provider/balancing/balancing.ts';
import { platformUserId } from '../tenant/user/user.ts';
import { type Supplier, switchedPair } from './suppliers.ts';

type BalancingNeeds = Readonly<{
  config: Config;
  db: Db;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  suppliers: readonly Supplier[];
}>;

/** What shifts texts between the providers of this installation, as its settings say. */
export function openBalancing({ config, suppliers, ...deps }: BalancingNeeds): Balancing {
  const { slowCheckServiceId: serviceId, slowCheckTemplateId: templateId } = config.providers;
  const texts = suppliers
    .flatMap(({ details }) => details)
    .filter(({ notificationType }) => notificationType === 'sms');
  return createBalancing({
    ...deps,
    strategy: config.providers.smsStrategy,
    isConfigured: (name) => texts.some(({ identifier }) => identifier === name),
    pair: switchedPair,
    slowCheck: serviceId !== null && templateId !== null ? { serviceId, templateId } : null,
    errors: { threshold: config.providers.errorThreshold, seconds: config.providers.errorIntervalSeconds },
    restingPoints: config.providers.restingPoints,
    by: platformUserId,
  });
}
