/**
 * Who may import whom (docs/architecture.md). A file imports from its own room and from rooms earlier in the
 * order; from a later room it may take only that room's `queue.ts`. Only the room `platform` names a supplier's
 * folder inside `provider/`. Exit code 1 and one line per breach.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

const order = [
  'ground',
  'database',
  'queue',
  'http',
  'recipient',
  'provider',
  'user',
  'service',
  'key',
  'template',
  'document',
  'notification',
  'submission',
  'job',
  'delivery',
  'receipt',
  'inbound',
  'callback',
  'research',
  'sandbox',
  'statistics',
  'housekeeping',
  'bootstrap',
  'platform',
  'cli',
  'main',
];

const root = new URL('..', import.meta.url).pathname;

/** The room of a file below `src/`; a file directly in `src/` is ground, apart from the last two. */
function roomOf(path: string): string {
  const parts = path.split('/');
  if (parts.length > 1) return parts[0]!;
  const name = parts[0]!.replace(/(\.test)?\.ts$/, '');
  return name === 'platform' || name === 'main' ? name : 'ground';
}

const breaches: string[] = [];
for (const file of globSync('src/**/*.ts', { cwd: root })) {
  const path = relative('src', file);
  const room = roomOf(path);
  if (!order.includes(room))
    breaches.push(`${file}: room "${room}" is not in the order of scripts/check-imports.ts`);
  const isTest = path.endsWith('.test.ts');
  const text = readFileSync(join(root, file), 'utf8');
  for (const match of text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)) {
    const target = normalize(join(dirname(file), match[1]!));
    if (!target.startsWith('src/')) {
      if (!isTest) breaches.push(`${file}: imports ${target}, which is outside src/`);
      continue;
    }
    const targetPath = relative('src', target);
    const targetRoom = roomOf(targetPath);
    const supplier = /^provider\/[^/]+\//.exec(targetPath)?.[0];
    if (supplier && !path.startsWith(supplier) && room !== 'platform' && !isTest)
      breaches.push(`${file}: only the room platform may name a supplier, not ${targetPath}`);
    if (order.indexOf(targetRoom) <= order.indexOf(room)) continue;
    if (/^[^/]+\/queue\.ts$/.test(targetPath) || isTest) continue;
    breaches.push(`${file}: "${room}" comes before "${targetRoom}" and may not import ${targetPath}`);
  }
}

for (const breach of breaches) console.error(breach);
console.log(
  breaches.length === 0 ? 'imports: the order of rooms is kept' : `imports: ${breaches.length} breaches`,
);
process.exitCode = breaches.length === 0 ? 0 : 1;
