/**
 * A suite says how one file of vectors is judged. `judge` gets one case of the file and answers what was
 * expected beside what the product does; the two are compared deeply as JSON. A list judges one case in parts.
 */
export type Judgement = { readonly part?: string; readonly expected: unknown; readonly got: unknown };

export type Suite = {
  /** File name below VECTORS_DIR, without `.json`. */
  readonly file: string;
  /** Other names to ask for it by. */
  readonly aliases?: readonly string[];
  /** It runs on the PostgreSQL of TEST_DATABASE_URL; where that is not set, run.ts starts one. */
  readonly needsDatabase?: boolean;
  /** The cases of the parsed file, in order; elements that only describe the file are left out. */
  readonly cases: (content: unknown) => readonly VectorCase[];
  readonly judge: (
    vector: VectorCase,
  ) => Judgement | readonly Judgement[] | Promise<Judgement | readonly Judgement[]>;
  /** Stops what judging has started; called after the last case. */
  readonly close?: () => Promise<void>;
};

export type VectorCase = { readonly name: string; readonly [field: string]: unknown };

/** For the files that are an array whose describing elements have an `_about` key. */
export function plainCases(content: unknown): readonly VectorCase[] {
  return (content as (VectorCase & { _about?: unknown })[]).filter((element) => element._about === undefined);
}
