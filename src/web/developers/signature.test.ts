import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { recipes } from './signature.ts';

const directory = mkdtempSync(join(tmpdir(), 'despatch-signature-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const token = 'token-of-the-service';
const body = '{"id":"x","message":"Grüße"}';

function headerOf(time: number, of = body): string {
  return `t=${time},v1=${createHmac('sha256', token).update(`${time}.${of}`).digest('hex')}`;
}

/** Headers, and whether the recipe must take them. */
function cases(): readonly (readonly [string, boolean])[] {
  const now = Math.floor(Date.now() / 1000);
  return [
    [headerOf(now), true],
    [headerOf(now - 3600), false],
    [headerOf(now, `${body} `), false],
    [headerOf(now).replace('v1=', 'v2='), false],
    ['', false],
  ];
}

const codeOf = (language: string) => recipes.find((one) => one.language === language)!.code;

/** How a language runs its recipe with [header, body, token] as arguments: it ends with 0 if the recipe says yes. */
const programs = {
  Node: {
    command: process.execPath,
    file: 'check.cjs',
    more: `\nconst [header, body, token] = process.argv.slice(2);\nprocess.exit(isFromDespatch(header, body, token) ? 0 : 3);\n`,
  },
  Python: {
    command: 'python3',
    file: 'check.py',
    more: `\nimport sys\nsys.exit(0 if is_from_despatch(sys.argv[1], sys.argv[2].encode(), sys.argv[3]) else 3)\n`,
  },
  Ruby: {
    command: 'ruby',
    file: 'check.rb',
    more: `\nexit(from_despatch?(ARGV[0], ARGV[1], ARGV[2]) ? 0 : 3)\n`,
  },
  PHP: {
    command: 'php',
    file: 'check.php',
    more: `\nexit(isFromDespatch($argv[1], $argv[2], $argv[3]) ? 0 : 3);\n`,
  },
  Java: {
    command: 'java',
    file: 'DespatchSignature.java',
    // A file is run by its first class, so the one with `main` goes before the recipe's.
    more: '',
  },
} as const;

function has(command: string): boolean {
  return (
    spawnSync(command, [command === 'java' ? '-version' : '--version'], { stdio: 'ignore' }).status === 0
  );
}

for (const [language, { command, file, more }] of Object.entries(programs)) {
  const skip = has(command) ? false : `no ${command}`;
  test(`the recipe in ${language} takes our signature, and no old, changed or missing one`, { skip }, () => {
    const main = `public class Check { public static void main(String[] a) throws Exception { System.exit(DespatchSignature.isFromDespatch(a[0], a[1].getBytes(StandardCharsets.UTF_8), a[2], 300) ? 0 : 3); } }\n\nfinal class`;
    const code =
      language === 'Java' ? codeOf(language).replace('final class', main) : codeOf(language) + more;
    const path = join(directory, file);
    writeFileSync(path, code);
    for (const [header, expected] of cases()) {
      const options = language === 'Java' ? ['-Dfile.encoding=UTF-8', '-Dsun.jnu.encoding=UTF-8'] : [];
      const { status, stderr } = spawnSync(command, [...options, path, header, body, token], {
        env: { ...process.env, LC_ALL: 'C.UTF-8' },
      });
      assert.equal(status, expected ? 0 : 3, `${header}: ${stderr}`);
    }
  });
}

test('there is a recipe for each of six languages', () => {
  assert.deepEqual(
    recipes.map(({ language }) => language),
    ['Node', 'Python', 'Ruby', 'PHP', 'Java', '.NET'],
  );
});
