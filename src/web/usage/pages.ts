import type { Page } from '../frame/page.ts';
import { costAlert } from './alert.ts';
import { downloadUsage, usage } from './usage.ts';

/** What a service costs (spec 07, section 6). */
export const usagePages: readonly Page[] = [usage, downloadUsage, costAlert];
