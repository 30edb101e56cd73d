import type { Page } from '../frame/page.ts';
import { findPages } from './find.ts';
import { listPages } from './list.ts';
import { onePages } from './one.ts';
import { tryPages } from './try.ts';

export const messagesPages: readonly Page[] = [...tryPages, ...listPages, ...findPages, ...onePages];
