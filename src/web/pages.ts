import { accountPages } from './account/pages.ts';
import { dashboardPages } from './dashboard/pages.ts';
import { developersPages } from './developers/pages.ts';
import { downloadsPages } from './downloads/pages.ts';
import { filesPages } from './files/pages.ts';
import type { Page } from './frame/page.ts';
import { helpPages } from './help/pages.ts';
import { historyPages } from './history/pages.ts';
import { messagesPages } from './messages/pages.ts';
import { platformPages } from './platform/pages.ts';
import { receivedPages } from './received/pages.ts';
import { servicesPages } from './services/pages.ts';
import { sessionPages } from './session/pages.ts';
import { settingsPages } from './settings/pages.ts';
import { teamPages } from './team/pages.ts';
import { templatesPages } from './templates/pages.ts';
import { uploadsPages } from './uploads/pages.ts';
import { usagePages } from './usage/pages.ts';

/** Every page, by room. */
export const pages: readonly Page[] = [
  ...accountPages,
  ...dashboardPages,
  ...developersPages,
  ...downloadsPages,
  ...filesPages,
  ...helpPages,
  ...historyPages,
  ...messagesPages,
  ...platformPages,
  ...receivedPages,
  ...servicesPages,
  ...sessionPages,
  ...settingsPages,
  ...teamPages,
  ...templatesPages,
  ...uploadsPages,
  ...usagePages,
];
