import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sizeText } from './page.ts';

test('file sizes are shown in bytes, KB or MB, and keep their zeros', () => {
  const table: [number, string][] = [
    [1, '1 byte'],
    [1023, '1023 bytes'],
    [1024, '1KB'],
    [10_240, '10KB'],
    [1_048_000, '1023KB'],
    [1_048_570, '1MB'],
    [1_572_864, '1.5MB'],
    [2_097_152, '2MB'],
  ];
  for (const [bytes, expected] of table) assert.equal(sizeText(bytes), expected);
});
