import type { Page } from './frame/page.ts';
import { platformPages } from './platform/pages.ts';
import { servicesPages } from './services/pages.ts';
import { sessionPages } from './session/pages.ts';

/** Every page, by room. */
export const pages: readonly Page[] = [...platformPages, ...sessionPages, ...servicesPages];
