import type { Page } from '../frame/page.ts';
import { eventPages } from './events.ts';
import { figurePages } from './figures.ts';
import { findPages } from './find.ts';
import { nowPages } from './now.ts';
import { providerPages } from './provider.ts';
import { providerListPages } from './providers.ts';
import { queuePages } from './queues.ts';
import { sandboxPages } from './sandbox.ts';
import { servicePages } from './service.ts';
import { serviceListPages } from './services.ts';
import { stuckPages } from './stuck.ts';
import { systemPages } from './system.ts';
import { userPages } from './user.ts';
import { userListPages } from './users.ts';

/** What operators see (spec 07, section 7), in the order of their bar. */
export const platformPages: readonly Page[] = [
  ...nowPages,
  ...providerListPages,
  ...providerPages,
  ...queuePages,
  ...stuckPages,
  ...findPages,
  ...serviceListPages,
  ...servicePages,
  ...userListPages,
  ...userPages,
  ...figurePages,
  ...eventPages,
  ...systemPages,
  ...sandboxPages,
];
