import { type Static, Type } from 'typebox';
import type { ReadReceipt } from '../../provider/contract.ts';
import { defineQueue } from '../../queue/define.ts';

const nullable = <T extends Type.TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

/** A receipt that could not be applied when it arrived. It is already parsed, and holds nothing personal. */
const payload = Type.Object({
  task: Type.Union([Type.Literal('process-sms-client-response'), Type.Literal('process-ses-result')]),
  /** Identifier of the endpoint that received it. */
  provider: Type.String(),
  type: Type.Union([Type.Literal('sms'), Type.Literal('email')]),
  receipt: Type.Unsafe<ReadReceipt>(
    Type.Object({
      found: Type.Object({
        by: Type.Union([Type.Literal('id'), Type.Literal('reference')]),
        value: Type.String(),
      }),
      status: Type.String(),
      rawStatus: Type.String(),
      detail: Type.String(),
      detailCode: nullable(Type.String()),
      handedOverAt: nullable(Type.Number()),
      complaint: nullable(
        Type.Object({
          feedbackId: Type.String(),
          type: Type.Union([Type.String(), Type.Null()]),
          at: Type.Union([Type.String(), Type.Null()]),
        }),
      ),
    }),
  ),
});
export type ReceiptTask = Static<typeof payload>;

export const processReceipt = defineQueue('receipts', payload);
