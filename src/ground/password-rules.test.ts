import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passwordFault } from './password-rules.ts';

test('a password has 8 to 255 characters and is not a common one, in any case', async () => {
  const hard = 'Harder to guess.';
  for (const [password, said] of [
    ['7 chars', /at least 8/],
    ['ééééééé', /at least 8/],
    ['👪👪👪👪', /at least 8/],
    ['x'.repeat(256), /at most 255/],
    ['password', /harder to guess/],
    ['PassWord1', /harder to guess/],
    ['qwertyuiop', /harder to guess/],
  ] as const)
    assert.match((await passwordFault(password)) ?? '', said);
  for (const password of [hard, 'x'.repeat(255), '👪'.repeat(255), 'tidewren'])
    assert.equal(await passwordFault(password), null);
});
