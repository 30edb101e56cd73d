/**
 * Who may import whom (docs/architecture.md): the order of districts, the order of rooms inside a district, no cycle
 * between files, suppliers named in one place only. Prints one line per breach; exit code 1 when there is one.
 *
 * - A file imports from its own room and from what comes earlier in the order. From a later room it may import only its
 *   `queue.ts`, the address of a queue, which itself may import nothing but what every room may.
 * - `sandbox/` and `embedded-postgres/` are separate parts: of `src/` only the district `process` imports them, and they
 *   import only the ground.
 * - Tests and their support may import anything.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Districts in order. A district lists its rooms if their order matters. */
const districts: readonly (readonly [name: string, rooms: readonly string[]])[] = [
  ['ground', []],
  ['config', []],
  ['database', []],
  ['queue', []],
  ['http', ['validate', 'server', 'auth', 'openapi']],
  ['tenant', ['event', 'user', 'permission', 'organisation', 'idempotency', 'service', 'invite', 'key']],
  ['content', ['recipient', 'template', 'document']],
  ['provider', ['.', 'circuit', 'balancing', 'rate-limit', 'lever', 'suppliers']],
  ['message', ['callback', 'suppression', 'status', 'submission', 'delivery', 'receipt', 'rate', 'reading']],
  ['job', ['upload', 'contact-list', 'run', 'results', 'report']],
  ['statistics', ['totals', 'usage', 'platform']],
  ['upkeep', []],
  ['bootstrap', []],
  ['web', []],
  ['process', []],
  ['cli', []],
  ['main.ts', []],
];

/** What the address of a queue may import: types and what every room may. */
const addressable = /^src\/(ground|queue)\/|^src\/database\/tables\.ts$|^src\/provider\/contract\.ts$/;

const root = join(import.meta.dirname, '..');
const files = globSync(['src/**/*.ts', 'sandbox/**/*.ts', 'embedded-postgres/**/*.ts'], { cwd: root }).sort();
const isTest = (file: string) => file.endsWith('.test.ts');

const imports = new Map(
  files.map((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const targets = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) =>
      normalize(join(dirname(file), match[1]!)),
    );
    return [file, [...new Set(targets)]] as const;
  }),
);

/** The positions of a file's district and of its room in the order; null outside `src/`, -1 if not in the order. */
function placeOf(file: string): readonly [district: number, room: number] | null {
  const [top, name = '', ...rest] = file.split('/');
  if (top !== 'src') return null;
  const district = districts.findIndex(([known]) => known === name);
  if (district === -1) return [-1, -1];
  const rooms = districts[district]![1];
  if (rooms.length === 0) return [district, 0];
  return [district, rooms.indexOf(rest.length > 1 ? rest[0]! : '.')];
}

const breaches: string[] = [];

function check(file: string, target: string): void {
  const from = placeOf(file);
  const to = placeOf(target);
  const supplier = /^src\/provider\/suppliers\/[^/]+\//.exec(target)?.[0];
  if (supplier && !file.startsWith(supplier) && file !== 'src/process/suppliers.ts')
    breaches.push(`${file}: only src/process/suppliers.ts may name a supplier, not ${target}`);
  if (from === null) {
    const own = file.slice(0, file.indexOf('/') + 1);
    const isOwn = target.startsWith(own) || target.startsWith('src/ground/');
    if (!isOwn) breaches.push(`${file}: a separate part may not import ${target}`);
    return;
  }
  if (to === null) {
    if (!file.startsWith('src/process/'))
      breaches.push(`${file}: only the district process may import ${target}`);
    return;
  }
  if (file.endsWith('/queue.ts')) {
    if (!addressable.test(target)) breaches.push(`${file}: the address of a queue may not import ${target}`);
    return;
  }
  if (target.endsWith('/queue.ts')) return;
  if (to[0] > from[0] || (to[0] === from[0] && to[1] > from[1]))
    breaches.push(`${file}: comes before ${target} in the order and may not import it`);
}

/** Import cycles, each once, as the path of its files. */
function cycles(): readonly string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const at = path.indexOf(file);
    if (at !== -1) found.push([...path.slice(at), file].join(' -> '));
    if (at !== -1 || done.has(file)) return;
    path.push(file);
    for (const target of imports.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of files) if (!isTest(file)) visit(file);
  return found;
}

for (const [file, targets] of imports) {
  const place = placeOf(file);
  if (place?.includes(-1))
    breaches.push(`${file}: its district or room is not in the order of scripts/check-imports.ts`);
  if (!isTest(file)) for (const target of targets) check(file, target);
}
const found = cycles();
for (const breach of [...breaches, ...found.map((cycle) => `import cycle: ${cycle}`)]) console.error(breach);
const count = [...imports.values()].reduce((sum, targets) => sum + targets.length, 0);
console.log(
  `imports: ${files.length} files, ${count} imports, ${breaches.length} breaches of the order, ${found.length} cycles`,
);
process.exitCode = breaches.length + found.length === 0 ? 0 : 1;
