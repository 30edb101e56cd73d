import type { Page } from '../frame/page.ts';
import { againPages } from './again.ts';
import { filesListPages } from './list.ts';
import { onePages } from './one.ts';
import { steerPages } from './steer.ts';

/** Files that were sent, and sending again (spec 07, section 6). */
export const filesPages: readonly Page[] = [...filesListPages, ...onePages, ...steerPages, ...againPages];
