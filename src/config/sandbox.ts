import { flag, setting, text, url, whole } from './setting.ts';

export const sandbox = {
  enabled: setting(
    'SANDBOX',
    flag(null),
    'Whether the sandbox stands in for types of message without a provider: nobody receives these. 0: they are refused.',
    '1 with DESPATCH_DEMO while no provider is configured, else 0',
  ),
  host: setting('SANDBOX_HOST', text('127.0.0.1'), 'Address the sandbox listens on.'),
  port: setting(
    'SANDBOX_PORT',
    whole(6012, 0, 65_535),
    'Port of the sandbox; 0 picks a free one (only with role sandbox in the same process).',
  ),
  url: setting(
    'SANDBOX_URL',
    url(['http', 'https']),
    'Base URL of a sandbox that runs elsewhere.',
    'the sandbox of this process',
  ),
};
