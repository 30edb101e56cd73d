import type { Scenario } from './scenario.ts';
export const flow: Scenario = {
  name: 'flow',
  summary: 'todo',
  run: async () => ({ figures: [], faults: [] }),
};
