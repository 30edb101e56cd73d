import assert from 'node:assert/strict';
import { test } from 'node:test';
import { spreadsheetDamage } from './csv-damage.ts';

const danish = (number: string) => number === '+4520123456';

for (const [number, hint] of [
  ['7.4001E+09', /shortened .*‘7\.4001E\+09’/],
  ['7,4001e+09', /shortened/],
  ['4.474E+11', /shortened/],
  ['7400123456.0', /decimal .*enter 7400123456$/],
  ['4520123456', /in front of .*enter \+4520123456$/],
] as const)
  test(`${number} is known for what a spreadsheet makes`, () =>
    assert.match(spreadsheetDamage(number, danish) ?? '', hint));

for (const number of ['', 'E+09', '07400123456', '4520123457', '12345', 'abc', '7.4 E+09', '7400.5'])
  test(`${number || 'nothing'} is only wrong`, () => assert.equal(spreadsheetDamage(number, danish), null));
