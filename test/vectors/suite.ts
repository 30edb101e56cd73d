/**
 * A suite says how the cases of one file are judged. `judge` returns a case's expected result and the product's result,
 * which are compared as JSON. A list judges one case in parts.
 */
export type Judgement = { readonly part?: string; readonly expected: unknown; readonly got: unknown };

export type Suite = {
  /** File name below VECTORS_DIR, without `.json`. */
  readonly file: string;
  /** Other names for the command line. */
  readonly aliases?: readonly string[];
  /** Whether it needs the PostgreSQL of TEST_DATABASE_URL; run.ts starts one if that is not set. */
  readonly needsDatabase?: boolean;
  /** The cases of the parsed file in order, without elements that only describe the file. */
  readonly cases: (content: unknown) => readonly VectorCase[];
  readonly judge: (
    vector: VectorCase,
  ) => Judgement | readonly Judgement[] | Promise<Judgement | readonly Judgement[]>;
  /** Stops what judging has started; called after the last case. */
  readonly close?: () => Promise<void>;
};

export type VectorCase = { readonly name: string; readonly [field: string]: unknown };

/** The cases of an array whose descriptive elements have an `_about` key. */
export function plainCases(content: unknown): readonly VectorCase[] {
  return (content as (VectorCase & { _about?: unknown })[]).filter((element) => element._about === undefined);
}
