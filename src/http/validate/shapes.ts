import { type TSchema, Type } from 'typebox';

/** Shapes that many schemas have. */

/** A value or null. */
export function orNull<Schema extends TSchema>(schema: Schema, description?: string) {
  return Type.Union([schema, Type.Null()], { ...(description !== undefined && { description }) });
}

/** One of some texts. */
export function oneOf(values: readonly string[], description?: string) {
  return Type.Unsafe<string>({
    type: 'string',
    enum: [...values],
    ...(description !== undefined && { description }),
  });
}

/** A moment in an answer. */
export const time = Type.String({ format: 'date-time' });

/** An id; in a path or a query the handler gets it in its canonical form. */
export function uuid(description?: string) {
  return Type.String({ format: 'uuid', ...(description !== undefined && { description }) });
}
