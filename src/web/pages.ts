import { dashboardPages } from './dashboard/pages.ts';
import { developersPages } from './developers/pages.ts';
import type { Page } from './frame/page.ts';
import { messagesPages } from './messages/pages.ts';
import { receivedPages } from './received/pages.ts';
import { servicesPages } from './services/pages.ts';
import { sessionPages } from './session/pages.ts';
import { usagePages } from './usage/pages.ts';

/** Every page, by room. */
export const pages: readonly Page[] = [
  ...dashboardPages,
  ...developersPages,
  ...messagesPages,
  ...receivedPages,
  ...servicesPages,
  ...sessionPages,
  ...usagePages,
];
