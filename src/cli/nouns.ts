import type { Noun } from './noun.ts';

/** What the command line manages by calling the admin API; each loaded on demand. */
export const nouns: Readonly<Record<string, () => Promise<{ noun: Noun }>>> = {
  service: () => import('./service.ts'),
  user: () => import('./user.ts'),
  key: () => import('./key.ts'),
  template: () => import('./stored-template.ts'),
  sender: () => import('./sender.ts'),
  job: () => import('./job.ts'),
  provider: () => import('./provider.ts'),
  rate: () => import('./rate.ts'),
  task: () => import('./task.ts'),
  'guest-list': () => import('./guest-list.ts'),
  statistics: () => import('./statistics.ts'),
};
