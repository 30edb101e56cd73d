/**
 * Runs the cases of VECTORS_DIR (default `../shared/vectors` beside the repository) against the product.
 * `npm run test:vectors` prints each failure with input, expected and got, and ends with `N passed, N failed`;
 * `npm run test:vectors -- phone-numbers api` runs only some files, by a part of their name or another name.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { temporaryEmbedded } from '../../embedded-postgres/embedded.ts';
import type { Suite } from './suite.ts';

export const vectorsDir = process.env['VECTORS_DIR'] ?? join(import.meta.dirname, '../../../shared/vectors');

export type Failure = {
  file: string;
  name: string;
  part?: string;
  input: unknown;
  expected: unknown;
  got: unknown;
};

/** The suites in `suites/`, by name of their vector file. */
export async function loadSuites(): Promise<Suite[]> {
  const folder = join(import.meta.dirname, 'suites');
  const suites: Suite[] = [];
  for (const file of globSync('*.ts', { cwd: folder }).sort()) {
    const module = (await import(join(folder, file))) as { default: Suite };
    suites.push(module.default);
  }
  return suites;
}

/** Runs a suite; null if its file does not exist. */
export async function runSuite(suite: Suite): Promise<{ passed: number; failures: Failure[] } | null> {
  const path = join(vectorsDir, `${suite.file}.json`);
  if (!existsSync(path)) return null;
  const failures: Failure[] = [];
  let passed = 0;
  for (const vector of suite.cases(JSON.parse(readFileSync(path, 'utf8')))) {
    const failed = (part: string | undefined, expected: unknown, got: unknown) =>
      failures.push({
        file: suite.file,
        name: vector.name,
        ...(part && { part }),
        input: vector,
        expected,
        got,
      });
    const before = failures.length;
    try {
      const judged = await suite.judge(vector);
      for (const { part, expected, got } of 'length' in judged ? judged : [judged]) {
        // Via JSON, in which the cases are written: an absent field equals undefined.
        const plain = (value: unknown) =>
          value === undefined ? undefined : JSON.parse(JSON.stringify(value));
        if (!isDeepStrictEqual(plain(expected), plain(got))) failed(part, expected, got);
      }
    } catch (error) {
      failed('threw', undefined, error instanceof Error ? (error.stack ?? error.message) : error);
    }
    if (failures.length === before) passed += 1;
  }
  await suite.close?.();
  return { passed, failures };
}

function isWanted({ file, aliases = [] }: Suite, words: readonly string[]): boolean {
  return words.length === 0 || words.some((word) => file.includes(word) || aliases.includes(word));
}

async function main(wanted: readonly string[]): Promise<void> {
  const suites = (await loadSuites()).filter((suite) => isWanted(suite, wanted));
  const isMissing = !process.env['TEST_DATABASE_URL'] && suites.some(({ needsDatabase }) => needsDatabase);
  const embedded = isMissing ? await temporaryEmbedded() : null;
  if (embedded) process.env['TEST_DATABASE_URL'] = embedded.url;
  let passed = 0;
  let failed = 0;
  for (const suite of suites) {
    const result = await runSuite(suite);
    if (result === null) {
      console.log(`${suite.file}: skipped, no such file in ${vectorsDir}`);
      continue;
    }
    for (const { name, part, input, expected, got } of result.failures) {
      console.log(`FAILED ${suite.file}: ${name}${part ? ` (${part})` : ''}`);
      console.log(`  input    ${JSON.stringify(input)}`);
      console.log(`  expected ${JSON.stringify(expected)}`);
      console.log(`  got      ${typeof got === 'string' ? got : JSON.stringify(got)}`);
    }
    const cases = new Set(result.failures.map(({ name }) => name)).size;
    console.log(`${suite.file}: ${result.passed} passed, ${cases} failed`);
    passed += result.passed;
    failed += cases;
  }
  await embedded?.stop();
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

if (process.argv[1] && basename(process.argv[1]) === 'run.ts') await main(process.argv.slice(2));
