import { type Static, Type } from 'typebox';
import { defineQueue } from '../queue/define.ts';

/**
 * An accepted message that waits to be persisted (spec 05, section 1.3). The task's id is the notification's id.
 * `sealed` is the encrypted content in base64 (see accepted.ts); what stands beside it is not personal.
 */
const payload = Type.Object({
  service_id: Type.String(),
  api_key_id: Type.Union([Type.String(), Type.Null()]),
  key_type: Type.Union([Type.Literal('normal'), Type.Literal('team'), Type.Literal('test')]),
  /** `YYYY-MM-DDTHH:MM:SS.sssZ`; becomes the row's created_at. */
  created_at: Type.String(),
  sealed: Type.String(),
});

export type PersistPayload = Static<typeof payload>;

/** Accepted by the API, to be persisted. Tried 5 times again, 5 minutes apart. */
export const persistSms = defineQueue('db-sms', payload);
export const persistEmail = defineQueue('db-email', payload);
