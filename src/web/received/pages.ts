import type { Page } from '../frame/page.ts';
import { conversation } from './conversation.ts';
import { downloadReceived, receivedList } from './received.ts';

/** What people texted to a service (spec 07, section 6). */
export const receivedPages: readonly Page[] = [receivedList, downloadReceived, conversation];
