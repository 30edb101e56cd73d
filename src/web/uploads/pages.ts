import type { Page } from '../frame/page.ts';
import { changePages } from './changes.ts';
import { checkPages } from './check.ts';
import { guidePages } from './guide.ts';
import { listPages } from './lists.ts';
import { mendPages } from './mend.ts';

/** Sending to many: files of recipients and contact lists (spec 07, section 6). */
export const uploadsPages: readonly Page[] = [
  ...guidePages,
  ...checkPages,
  ...mendPages,
  ...changePages,
  ...listPages,
];
