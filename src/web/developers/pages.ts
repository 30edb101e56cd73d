import type { Page } from '../frame/page.ts';
import { oneAddress, removeAddress, resumeAddress, setAddress, testAddress } from './addresses.ts';
import { callbackList, oneCallback, replayOne, signature } from './callbacks.ts';
import { addKey, changeKey, endKey } from './key-forms.ts';
import { keyList, oneKey } from './keys.ts';
import { overview } from './overview.ts';
import { replay, replayed } from './replay.ts';

/** Keys and callbacks, for those who connect programs (spec 07, section 6). */
export const developersPages: readonly Page[] = [
  overview,
  ...[keyList, addKey, oneKey, changeKey, endKey],
  ...[callbackList, signature, replay, replayed, oneCallback, replayOne],
  ...[oneAddress, setAddress, testAddress, resumeAddress, removeAddress],
];
