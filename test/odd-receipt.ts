import fc from 'fast-check';
import { oddBody, oddText, oddValue } from './odd-value.ts';

/** What the endpoints for receipts may be given; `anyId`: ids of messages. */
export function oddReceipt(anyId: fc.Arbitrary<string>): fc.Arbitrary<string | Buffer> {
  const receiptField = fc.oneof(
    { weight: 3, arbitrary: anyId },
    {
      weight: 3,
      arbitrary: fc.constantFrom('delivered', 'pending', '0', '1', '2', '3', '102', 'constructor'),
    },
    { weight: 1, arbitrary: oddText },
  );
  const receiptFields = fc.dictionary(
    fc.oneof(
      fc.constantFrom(
        'CID',
        'deliverystatus',
        'substatus',
        'reference',
        'status',
        'code',
        'mobile',
        'detail',
      ),
      fc.constantFrom('Type', 'Message', 'MessageId', 'notificationType', 'mail', 'bounce', 'complaint'),
    ),
    receiptField,
    { maxKeys: 8, size: 'max' },
  );
  return fc.oneof(
    receiptFields.map((fields) => JSON.stringify(fields)),
    receiptFields.map((fields) => new URLSearchParams(fields).toString()),
    receiptFields.map((inner) => JSON.stringify({ Type: 'Notification', Message: JSON.stringify(inner) })),
    fc
      .tuple(fc.constantFrom('Bounce', 'Complaint', 'Delivery', 'Open'), oddValue, anyId, oddValue)
      .map(([notificationType, mail, messageId, detail]) =>
        JSON.stringify({
          Type: 'Notification',
          Message: JSON.stringify({
            notificationType,
            mail: mail ?? { messageId },
            bounce: detail,
            complaint: detail,
          }),
        }),
      ),
    oddBody,
  );
}
