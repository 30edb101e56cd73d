/** A document's content, sealed: whoever keeps it cannot read it. */
export type SealedContent = Readonly<{ id: string; sealed: Buffer }>;

/**
 * Where the contents of documents are kept; what else is known of them is in the table `documents`. Every
 * implementation passes `conformance.ts`.
 */
export type DocumentStorage = Readonly<{
  /** All are durable when it resolves; when it rejects, any of them may be. An id is put once. */
  put(contents: readonly SealedContent[]): Promise<void>;
  /** The bytes as they were put, or null where there are none. */
  open(id: string): Promise<Buffer | null>;
  /** All are gone when it resolves; one that is not there is no error. */
  delete(ids: readonly string[]): Promise<void>;
}>;
