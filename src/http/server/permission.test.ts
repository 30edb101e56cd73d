import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Person, type RoutePermission, refusal, userPermissions } from './permission.ts';

const person: Person = { id: 'a', isActive: true, isOperator: false, permissions: null };
const needs: readonly RoutePermission[] = [...userPermissions, 'person', 'member', 'operator'];

test('an operator may do everything, and nobody else may do what is for operators', () => {
  for (const needed of needs) assert.equal(refusal({ ...person, isOperator: true }, needed), null);
  for (const permissions of [null, [], [...userPermissions, 'operator']])
    assert.match(refusal({ ...person, permissions }, 'operator')!, /Only operators/);
});

test('a person who is unknown or not active may do nothing', () => {
  for (const needed of needs) {
    assert.match(refusal(null, needed)!, /does not exist/);
    assert.match(refusal({ ...person, isActive: false, isOperator: true }, needed)!, /not active/);
  }
});

test('a member may do what the permissions in that service say, and a stranger only what is for any person', () => {
  for (const needed of userPermissions) {
    assert.equal(refusal({ ...person, permissions: [needed] }, needed), null);
    const others = userPermissions.filter((one) => one !== needed);
    assert.match(refusal({ ...person, permissions: others }, needed)!, new RegExp(`permission ${needed} `));
    assert.match(refusal(person, needed)!, /not a member/);
  }
  assert.equal(refusal({ ...person, permissions: [] }, 'member'), null);
  assert.match(refusal(person, 'member')!, /not a member/);
  assert.equal(refusal(person, 'person'), null);
});
