import type { LogLevel } from '../ground/log.ts';
import { flag, fraction, keyValues, matching, oneOf, setting, text, url, whole } from './setting.ts';

const samplers = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
export type Sampler = (typeof samplers)[number];

/** Settings that concern every process of an installation. */
export const installation = {
  environment: setting(
    'NOTIFY_ENVIRONMENT',
    text('development'),
    'Name of this installation; part of every metric.',
  ),
  dataDir: setting(
    'DESPATCH_DATA_DIR',
    text('.despatch'),
    'Folder of the embedded database, the generated secrets and credentials.json.',
  ),
  demo: setting(
    'DESPATCH_DEMO',
    flag(true),
    'Whether an empty database gets a demo service with keys and templates.',
  ),
  logLevel: setting(
    ['LOG_LEVEL', 'NOTIFY_LOG_LEVEL'],
    oneOf<LogLevel>('info', ['debug', 'info', 'warn', 'error', 'silent']),
    'debug, info, warn, error or silent.',
  ),
  metricsPort: setting(
    'METRICS_PORT',
    whole(0, 0, 65_535),
    'Port at which a process without the role `api` shows `/metrics` and `/_status`, on the address of `HOST`; 0: at none.',
  ),
  logJson: setting(
    'LOGGING_STDOUT_JSON',
    flag(null),
    'Whether the log has JSON lines (1), or lines for people (0).',
    '0 on a terminal, else 1',
  ),
  queuePrefix: setting(
    'NOTIFICATION_QUEUE_PREFIX',
    matching('', /^[\w.-]{0,40}$/, 'at most 40 letters, digits, "_", "-" and "."'),
    'Prefix of every queue name.',
  ),
};

export const statsd = {
  host: setting('STATSD_HOST', text(null), 'Host that receives StatsD metrics over UDP.', 'none: no StatsD'),
  port: setting('STATSD_PORT', whole(8125, 1, 65_535), 'Port that receives StatsD metrics.'),
  prefix: setting('STATSD_PREFIX', text(''), 'Prefix of every StatsD metric.'),
  enabled: setting('STATSD_ENABLED', flag(true), '0 turns StatsD off even if a host is set.'),
};

/** Of the standard variables of OpenTelemetry. */
export const traces = {
  exporter: setting(
    'OTEL_TRACES_EXPORTER',
    oneOf<'otlp' | 'none', null>(null, ['otlp', 'none']),
    'Whether traces are exported: otlp or none.',
    'otlp with an endpoint, else none',
  ),
  url: setting(
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    url(['http', 'https']),
    'URL that takes traces: OTLP over HTTP, as JSON.',
    'the next one with /v1/traces',
  ),
  endpoint: setting(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    url(['http', 'https']),
    'Base URL of the collector, such as http://localhost:4318.',
    'none: no traces',
  ),
  headers: setting(
    ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'OTEL_EXPORTER_OTLP_HEADERS'],
    keyValues(),
    'Headers for the collector: name=value, separated by commas; values percent-encoded.',
  ),
  serviceName: setting('OTEL_SERVICE_NAME', text('despatch'), 'Name of this service in traces.'),
  sampler: setting(
    'OTEL_TRACES_SAMPLER',
    oneOf<Sampler>('parentbased_always_on', samplers),
    `Which traces are kept: ${samplers.join(', ')}.`,
  ),
  samplerShare: setting(
    'OTEL_TRACES_SAMPLER_ARG',
    fraction(1),
    'Share of the traces that a sampler with ratio keeps, from 0 to 1.',
  ),
};
