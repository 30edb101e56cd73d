import assert from 'node:assert/strict';
import { test } from 'node:test';
import { priorities, taskPriority } from './queue.ts';

test('however far behind, priority templates go before API messages, and API messages before those of a file', () => {
  const { priorityTemplate, api, csv } = priorities;
  const inOrder = [
    taskPriority(priorityTemplate, 0),
    taskPriority(priorityTemplate, 999),
    taskPriority(api, 0),
    taskPriority(api, 1),
    taskPriority(api, 999),
    taskPriority(csv, 0),
    taskPriority(csv, 999),
  ];
  assert.deepEqual(
    inOrder,
    inOrder.toSorted((a, b) => b - a),
  );
  assert.equal(new Set(inOrder).size, inOrder.length);
});
