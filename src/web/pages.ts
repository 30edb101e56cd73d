import { dashboardPages } from './dashboard/pages.ts';
import type { Page } from './frame/page.ts';
import { messagesPages } from './messages/pages.ts';
import { servicesPages } from './services/pages.ts';
import { sessionPages } from './session/pages.ts';
import { templatesPages } from './templates/pages.ts';

/** Every page, by room. */
export const pages: readonly Page[] = [
  ...sessionPages,
  ...servicesPages,
  ...dashboardPages,
  ...messagesPages,
  ...templatesPages,
];
