import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type InviteStatus,
  inviteStatuses,
  originOf,
  resendFault,
  type ShownStatus,
  statusFault,
} from './invite.ts';

const shown: readonly ShownStatus[] = [...inviteStatuses, 'expired'];
/** Where an invite may go from each status, and whether it may be sent again. */
const moves: Readonly<Record<ShownStatus, readonly [to: readonly InviteStatus[], resent: boolean]>> = {
  pending: [['pending', 'accepted', 'cancelled'], true],
  accepted: [['accepted'], false],
  cancelled: [['cancelled'], false],
  expired: [['cancelled'], true],
};

for (const from of shown)
  test(`an invite that is ${from} can be made ${moves[from][0].join(', ')} and nothing else`, () => {
    for (const to of inviteStatuses)
      assert.equal(statusFault(from, to) === null, moves[from][0].includes(to), to);
    assert.equal(resendFault(from) === null, moves[from][1]);
  });

const hosts: readonly (readonly [given: string, origin: string | null])[] = [
  ['https://admin.example', 'https://admin.example'],
  ['HTTPS://Admin.Example/', 'https://admin.example'],
  ['http://localhost:6012', 'http://localhost:6012'],
  ['https://admin.example/pages', null],
  ['https://admin.example/?x', null],
  ['https://admin.example#x', null],
  ['https://rowan@admin.example', null],
  ['javascript:alert(1)', null],
  ['ftp://admin.example', null],
  ['//admin.example', null],
  ['admin.example', null],
  ['https://', null],
  ['', null],
  ['https://a b', null],
  ['https://\ud800', null],
];

for (const [given, origin] of hosts)
  test(`${JSON.stringify(given)} is ${origin === null ? 'no host for links' : 'a host for links'}`, () =>
    assert.equal(originOf(given), origin));
