import type { Problem } from '../../../ground/problem.ts';
import { tooLong } from '../placeholder.ts';

/** UTF-8 bytes of a composed email, HTML and plain text each: what providers take in one message, with room to spare. */
export const mostComposedBytes = 10_000_000;

/**
 * Stops an output that grows beyond what can be sent. It has to stop while it grows: two megabytes of Markdown can mean
 * hundreds of megabytes of HTML. Throws a Problem.
 */
export function bounded(output: string): string {
  if (output.length > mostComposedBytes) throw tooLargeComposed();
  return output;
}

export function tooLargeComposed(): Problem {
  return tooLong(`formatted as an email, it is larger than ${mostComposedBytes} bytes`);
}
