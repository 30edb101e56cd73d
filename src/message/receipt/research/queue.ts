import { type Static, Type } from 'typebox';
import { defineQueue } from '../../../queue/define.ts';

/** A message that no provider got, whose receipts are to be simulated (spec 05, section 6). */
const payload = Type.Object({
  notificationId: Type.String(),
  type: Type.Union([Type.Literal('sms'), Type.Literal('email')]),
  /** The provider that would have been used. */
  provider: Type.String(),
  /** The provider's own reference, for those that report by it. */
  reference: Type.String(),
  /** Determined by the recipient, which is not carried through the queue. */
  outcome: Type.Union([
    Type.Literal('delivered'),
    Type.Literal('temporary-failure'),
    Type.Literal('permanent-failure'),
  ]),
});
export type ReceiptPayload = Static<typeof payload>;

export const researchReceipts = defineQueue('research-receipts', payload);
