/**
 * The records of an upload in pieces: each is small enough to be read, sealed and sent by itself, and large enough that
 * few are needed (docs/decisions/0020).
 */

import type { ComparedRow } from './summary.ts';

/** Some records of an upload, in order. */
export type Piece = Readonly<{
  /** The index of the first one. */
  firstRow: number;
  rowCount: number;
  /** JSON: a list of records, each a list of raw cells, empty ones at the end left out. */
  records: string;
  /** JSON: for each record a short hash of its recipient, `''` for none; null if they are not compared. */
  recipients: string | null;
  /** For each record the length of its message; null if they are not compared. */
  lengths: readonly number[] | null;
}>;

const mostRecords = 500;
const mostBytes = 256 * 1024;
const notCompared: ComparedRow = { recipient: '', length: 0 };

/** Collects records into pieces. A record that is larger than a piece is a piece by itself. */
export class PieceMaker {
  readonly #onPiece: (piece: Piece) => void;
  readonly #compares: boolean;
  #records: string[] = [];
  #recipients: string[] = [];
  #lengths: number[] = [];
  #bytes = 0;
  #firstRow = 0;

  /** `compares`: whether records are given with what is compared. */
  constructor(compares: boolean, onPiece: (piece: Piece) => void) {
    this.#compares = compares;
    this.#onPiece = onPiece;
  }

  /** Records so far. */
  get rowCount(): number {
    return this.#firstRow + this.#records.length;
  }

  add(cells: readonly string[], { recipient, length }: ComparedRow = notCompared): void {
    const record = JSON.stringify(cells);
    const bytes = Buffer.byteLength(record) + 1;
    if (this.#records.length === mostRecords || this.#bytes + bytes > mostBytes) this.end();
    this.#records.push(record);
    this.#recipients.push(recipient);
    this.#lengths.push(length);
    this.#bytes += bytes;
  }

  /** Passes on what is left. */
  end(): void {
    const rowCount = this.#records.length;
    if (rowCount === 0) return;
    const piece = {
      firstRow: this.#firstRow,
      rowCount,
      records: `[${this.#records.join(',')}]`,
      recipients: this.#compares ? JSON.stringify(this.#recipients) : null,
      lengths: this.#compares ? this.#lengths : null,
    };
    this.#firstRow += rowCount;
    this.#records = [];
    this.#recipients = [];
    this.#lengths = [];
    this.#bytes = 0;
    this.#onPiece(piece);
  }
}
