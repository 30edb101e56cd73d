import type { LogLevel } from '../ground/log.ts';
import { flag, matching, oneOf, setting, text, whole } from './setting.ts';

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
