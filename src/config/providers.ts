import { jsonObject, matching, oneOf, setting, whole } from './setting.ts';

const uuid = matching(null, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, 'a UUID');

const restingPoints = jsonObject(
  { mmg: 51, firetext: 49 },
  (value): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 100,
  'from provider to a weight of 0 to 100, such as {"mmg": 51, "firetext": 49}',
);

/** How providers are chosen and called; applies to all of them. */
export const providers = {
  timeoutSeconds: setting(
    'PROVIDER_TIMEOUT_SECONDS',
    whole(10, 1, 120),
    'How long a provider may take to answer; after that the outcome is unknown.',
  ),
  smsStrategy: setting(
    'SMS_PROVIDER_STRATEGY',
    oneOf<'ordered' | 'weighted'>('ordered', ['ordered', 'weighted']),
    'ordered: the provider with the lowest priority number gets every text; weighted: each gets a share of them.',
  ),
  errorThreshold: setting(
    'SMS_PROVIDER_ERROR_THRESHOLD',
    whole(50, 1, 1_000_000),
    'Strategy weighted: more errors than this within the interval take 10 off the weight of a provider.',
  ),
  errorIntervalSeconds: setting(
    'SMS_PROVIDER_ERROR_INTERVAL',
    whole(60, 1, 3600),
    'Seconds over which these errors are counted.',
  ),
  restingPoints: setting(
    'SMS_PROVIDER_RESTING_POINTS',
    restingPoints,
    'Strategy weighted: the weights that providers drift back to.',
  ),
  slowCheckServiceId: setting(
    'FUNCTIONAL_TEST_PROVIDER_SERVICE_ID',
    uuid,
    'Service whose texts show whether a provider is slow (strategy ordered).',
    'none: not checked',
  ),
  slowCheckTemplateId: setting(
    'FUNCTIONAL_TEST_PROVIDER_SMS_TEMPLATE_ID',
    uuid,
    'Template of these texts.',
    'none: not checked',
  ),
};

/** When a failing provider's circuit opens, and for how long. */
export const circuit = {
  windowSeconds: setting(
    'PROVIDER_CIRCUIT_WINDOW_SECONDS',
    whole(60, 5, 3600),
    'Seconds over which the failures of a provider are counted.',
  ),
  leastFailures: setting(
    'PROVIDER_CIRCUIT_LEAST_FAILURES',
    whole(10, 1, 100_000),
    'Fewer failures than this within these seconds never open its circuit.',
  ),
  failurePercent: setting(
    'PROVIDER_CIRCUIT_FAILURE_PERCENT',
    whole(50, 1, 100),
    'Percentage of failed and unanswered calls at which its circuit opens.',
  ),
  openSeconds: setting(
    'PROVIDER_CIRCUIT_OPEN_SECONDS',
    whole(15, 1, 3600),
    'Seconds until one message is tried after its circuit opened; doubles up to 5 minutes while that fails.',
  ),
};
