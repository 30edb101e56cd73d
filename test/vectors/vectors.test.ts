import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSuites, runSuite, vectorsDir } from './run.ts';

for (const suite of await loadSuites()) {
  test(`every case in ${suite.file}.json passes`, async (t) => {
    const result = await runSuite(suite);
    if (result === null) return t.skip(`${suite.file}.json is not in ${vectorsDir}; set VECTORS_DIR`);
    assert.deepEqual(result.failures.slice(0, 3), []);
    assert.ok(result.passed > 0);
  });
}
