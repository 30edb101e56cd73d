import assert from 'node:assert/strict';
import { test } from 'node:test';
import { platformServiceId } from '../../tenant/service/service.ts';
import { taskPriority } from './queue.ts';
import { deliveryOf } from './requeue.ts';
import type { Deliverable } from './store.ts';

const message: Deliverable = {
  id: '019ad5d0-0000-7000-8000-000000000001',
  type: 'sms',
  status: 'created',
  keyType: 'normal',
  serviceId: '5d2f0e4b-3f0a-4c67-9a52-5b8f0f4d7c11',
  researchMode: false,
  isUrgent: false,
  jobId: null,
};

test('a message is queued again in the queue and class that it had when it was accepted', () => {
  const table: [Partial<Deliverable>, string, number][] = [
    [{}, 'send-sms', 10],
    [{ type: 'email' }, 'send-email', 10],
    [{ keyType: 'team' }, 'send-sms', 10],
    [{ keyType: 'test' }, 'research-mode', 10],
    [{ researchMode: true }, 'research-mode', 10],
    [{ serviceId: platformServiceId, researchMode: true }, 'notify-internal', 10],
    [{ isUrgent: true }, 'send-sms', 20],
    [{ jobId: 'a job' }, 'send-sms', 0],
    [{ jobId: 'a job', isUrgent: true }, 'send-sms', 0],
  ];
  for (const [change, queue, priority] of table) {
    const one = { ...message, ...change };
    const delivery = deliveryOf(one);
    assert.equal(delivery.queue.name, queue);
    assert.deepEqual(delivery.task, {
      id: one.id,
      payload: { type: one.type },
      priority: taskPriority(priority, 0),
    });
  }
});
