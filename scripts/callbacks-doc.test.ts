import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../src/ground/clock.ts';
import { signature } from '../src/message/callback/signature.ts';

test('the example in docs/callbacks.md accepts our signatures, and no old, changed or foreign ones', async () => {
  const text = readFileSync(join(import.meta.dirname, '../docs/callbacks.md'), 'utf8');
  const code = /```js\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const { isFromDespatch } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  const now = systemClock.now();
  const body = '{"id":"1","to":"Zoë"}';
  const token = 'token-of-the-service';
  assert.equal(isFromDespatch(signature(body, token, now), body, token), true);
  assert.equal(isFromDespatch(signature(body, token, now - 600_000), body, token), false);
  assert.equal(isFromDespatch(signature(body, token, now), `${body} `, token), false);
  assert.equal(isFromDespatch(signature(body, 'another token', now), body, token), false);
  assert.equal(isFromDespatch(undefined, body, token), false);
});
