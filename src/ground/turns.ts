import { callerLeft, type Problem } from './problem.ts';

/**
 * Waits for a turn of `key`; resolves to what ends the turn. A key has a few turns at a time, and more wait in order.
 * Rejects when `left` is aborted, because the caller is gone, and with `refused` when too many of the key wait or it
 * waits too long.
 */
export type Turns = (key: string, left: AbortSignal) => Promise<() => void>;

export type TurnRules = Readonly<{
  atOnce: number;
  mostWaiting: number;
  longestWaitMilliseconds: number;
  refused: () => Problem;
}>;

/** One key's turns: how many are under way, and who waits. */
type Line = { running: number; readonly waiting: Set<() => void> };

export function createTurns(rules: TurnRules): Turns {
  const lines = new Map<string, Line>();
  return async (key, left) => {
    const line: Line = lines.get(key) ?? { running: 0, waiting: new Set() };
    lines.set(key, line);
    if (line.running < rules.atOnce) line.running++;
    else if (line.waiting.size >= rules.mostWaiting) throw rules.refused();
    // Whoever leaves hands its place on, so that nobody who comes later gets it first.
    else await turn(line, left, rules);
    return () => {
      const [next] = line.waiting;
      if (next) next();
      else if (--line.running === 0) lines.delete(key);
    };
  };
}

/** Resolves when another one's turn ends. */
function turn({ waiting }: Line, left: AbortSignal, rules: TurnRules): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => () => {
      waiting.delete(called);
      left.removeEventListener('abort', gone);
      clearTimeout(limit);
      then();
    };
    const called = settle(resolve);
    const gone = settle(() => reject(callerLeft()));
    const limit = setTimeout(
      settle(() => reject(rules.refused())),
      rules.longestWaitMilliseconds,
    );
    waiting.add(called);
    left.addEventListener('abort', gone);
    if (left.aborted) gone();
  });
}
