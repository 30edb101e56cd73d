import { accountPages } from './account/pages.ts';
import type { Page } from './frame/page.ts';
import { helpPages } from './help/pages.ts';
import { historyPages } from './history/pages.ts';
import { servicesPages } from './services/pages.ts';
import { sessionPages } from './session/pages.ts';
import { settingsPages } from './settings/pages.ts';
import { teamPages } from './team/pages.ts';

/** Every page, by room. */
export const pages: readonly Page[] = [
  ...accountPages,
  ...helpPages,
  ...historyPages,
  ...servicesPages,
  ...sessionPages,
  ...settingsPages,
  ...teamPages,
];
