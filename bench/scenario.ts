import type { Harness } from './harness.ts';

/** What the command line asks of every scenario. */
export type Settings = Readonly<{
  /** Length of one measured round. */
  seconds: number;
  /** How many messages are sent where a number of them is sent; null: what the scenario itself finds right. */
  messages: number | null;
  /** Part of them that are emails, 0 to 1; the others are text messages. */
  emails: number;
}>;

/** A figure as people read it. One with a target (DESIGN, section 9) is met or missed. */
export type Figure = Readonly<{
  /** Its key in the JSON of `--json`. */
  key: string;
  meaning: string;
  value: number;
  unit?: string;
  target?: Readonly<{ atLeast: number } | { atMost: number } | { under: number }>;
}>;

export type Outcome = Readonly<{
  figures: readonly Figure[];
  /** What went wrong, in sentences. A run that has one proves nothing and ends with exit code 1. */
  faults: readonly string[];
}>;

/** One thing to measure, on a harness of its own that main.ts clears away afterwards. */
export type Scenario = Readonly<{
  name: string;
  summary: string;
  run(harness: Harness, settings: Settings): Promise<Outcome>;
}>;
