import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvLine } from './csv.ts';

test('a line of a CSV file has quotes where they are needed, and no cell is a formula', () => {
  const table: [cell: string, written: string][] = [
    ['tide', 'tide'],
    ['', ''],
    ['high, low', '"high, low"'],
    ['high; low', '"high; low"'],
    ['say "aye"', '"say ""aye"""'],
    ['two\nlines', '"two\nlines"'],
    ['two\r\nlines', '"two\r\nlines"'],
    [' edge', '" edge"'],
    ['Bŵl 🌊', 'Bŵl 🌊'],
    ['=1+1', "'=1+1"],
    ['=HYPERLINK("x","y")', '"\'=HYPERLINK(""x"",""y"")"'],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', '"\'\t=1"'],
    ['\r=1', '"\'\r=1"'],
    ['\n=1', '"\'\n=1"'],
    ['＝1', "'＝1"],
    ['-', "'-"],
    ['+cmd', "'+cmd"],
    ["-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"],
    ['+44 7700 900123', '+44 7700 900123'],
    ['-5.25', '-5.25'],
    ['+1 (202) 555-0104', '+1 (202) 555-0104'],
    ['a=1', 'a=1'],
  ];
  for (const [cell, written] of table) assert.equal(csvLine([cell]), `${written}\r\n`, cell);
  assert.equal(csvLine(['a', 'b,c', '=d']), 'a,"b,c",\'=d\r\n');
  assert.equal(csvLine([`-${'1 '.repeat(500_000)}x`]).slice(0, 2), "'-", 'in linear time');
});
