import { type Fault, Problem } from '../../ground/problem.ts';
import { compileContent, openValues, type RenderTask, renderings } from './template.ts';

/** What a thread answers: classes do not survive the way back, so a Problem becomes its parts. */
export type RenderAnswer =
  | Readonly<{ rendered: unknown }>
  | Readonly<{ status: number; faults: readonly Fault[] }>;

/** Runs in a thread (render-threads.ts). */
export default function renderTask(task: RenderTask): RenderAnswer {
  const { rendering, type, subject, content, values, options } = task;
  const run = renderings[rendering] as (...args: unknown[]) => unknown;
  try {
    return { rendered: run(compileContent(type, subject, content), openValues(values), options) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { status: error.status, faults: error.faults };
  }
}
