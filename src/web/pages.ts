import { downloadsPages } from './downloads/pages.ts';
import { filesPages } from './files/pages.ts';
import type { Page } from './frame/page.ts';
import { servicesPages } from './services/pages.ts';
import { sessionPages } from './session/pages.ts';
import { uploadsPages } from './uploads/pages.ts';

/** Every page, by room. */
export const pages: readonly Page[] = [
  ...sessionPages,
  ...servicesPages,
  ...uploadsPages,
  ...filesPages,
  ...downloadsPages,
];
