/**
 * Every reference resolves: to a section, step or row of docs/spec, to a decision, to a heading of another document, to
 * a linked file. `npm run references` prints one line per breach and the counts; exit code 1 when there is a breach.
 *
 * A section reference without a document belongs to the document named before it in the same file; inside docs/spec, to
 * that document itself.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export type Kind = 'section' | 'decision' | 'heading' | 'link';
/** `problem`: why it does not resolve; null: it does. */
export type Reference = Readonly<{ kind: Kind; line: number; text: string; problem: string | null }>;

/** What can be referred to. */
export type Targets = Readonly<{
  /** By number of the document: its sections, and what is numbered in them (`4.3` and its step `4.3.2`). */
  sections: ReadonlyMap<string, ReadonlySet<string>>;
  decisions: ReadonlySet<string>;
  /** By name of a file in docs/. */
  headings: ReadonlyMap<string, ReadonlySet<string>>;
  /** `path` as a link in `file` writes it, without its fragment. */
  hasFile: (file: string, path: string) => boolean;
}>;

/** The sections of a document of docs/spec, with the steps, rows and items that are numbered inside them. */
export function sectionsOf(markdown: string): ReadonlySet<string> {
  const found = new Set<string>();
  let section = '';
  for (const line of markdown.split('\n')) {
    const heading = /^#{2,4} (\d+(?:\.\d+)*)\.? /.exec(line)?.[1];
    if (heading !== undefined) section = heading;
    const helper = /^(\d+\.\d+) (?:\*\*|[A-Z])/.exec(line)?.[1];
    for (const target of [heading, helper]) if (target !== undefined) found.add(target);
    if (section === '' || heading !== undefined) continue;
    const items = [...line.matchAll(/(?:^\s*|[.)] )(\d+)[a-z]?\. |^\| (\d+) \|/g)];
    for (const [, item, row] of items) found.add(`${section}.${item ?? row}`);
  }
  return found;
}

/** Headings and bold beginnings of paragraphs. */
export function headingsOf(markdown: string): ReadonlySet<string> {
  const matches = markdown.matchAll(/^(?:#+ (.+)|\*\*(.+?)\.?\*\*)/gm);
  return new Set([...matches].map(([, heading, bold]) => heading ?? bold!));
}

const numbers = String.raw`\d+(?:\.\d+)*(?:(?:,\s+and|,|\s+and|\s+to)\s+\d+(?:\.\d+)*)*`;
const item = String.raw`(?:[Ss]tep|[Rr]ow|[Ii]tem|[Rr]ule)s?\s+(${numbers})`;
const sectionForms = new RegExp(
  [
    String.raw`(?:\b${item}\s+of\s+)?\b(?:[Ss]pec|[Dd]ocument)\s+(\d\d)\b(?:,?\s+(?:[Ss]ections?\s+)?(${numbers})(?:,?\s+(?:from\s+)?${item})?)?`,
    String.raw`\b(\d\d)\s+(§[\d.]*\d(?:,\s+§[\d.]*\d)*)`,
    // The project's design document is not in the repository; docs/architecture.md replaces it.
    String.raw`\b(DESIG[N])\b(?:,?\s+[Ss]ections?\s+${numbers})?`,
    String.raw`(RFC \d+,\s+)?(?:\b[Ss]ections?\s+(${numbers})(?:,?\s+(?:from\s+)?${item})?|(§\d[\d.]*))`,
  ].join('|'),
  'g',
);

/** Every reference in the text of `file`, whose path begins at the root of the repository. */
export function referencesIn(file: string, text: string, targets: Targets): readonly Reference[] {
  // A reference may continue on the next line of a comment. Offsets are kept, so that lines can be counted.
  const flat = text.replace(/\n[ \t]*(?:\*(?!\/)|\/\/)?[ \t]*/g, (gap) => ' '.repeat(gap.length));
  const found: Reference[] = [];
  const add = (kind: Kind, index: number, what: string, problem: string | null) => {
    const line = text.slice(0, index).split('\n').length;
    found.push({ kind, line, text: what.replace(/\s+/g, ' '), problem });
  };
  const own = /^docs\/spec\/(\d\d)-/.exec(file)?.[1];
  let last = own;
  for (const match of flat.matchAll(sectionForms)) {
    const [whole, before, document, listed, after, marked, marks, outside, rfc, bare, bareAfter, lone] =
      match;
    if (rfc !== undefined) continue;
    if (outside !== undefined) {
      add('section', match.index, whole, 'is not in the repository: refer to docs/architecture.md');
      continue;
    }
    const named = document ?? marked;
    if (named !== undefined) last = named;
    const where = named ?? (lone === undefined ? (own ?? last) : undefined);
    const numbered = numbersIn(listed ?? marks ?? bare ?? lone);
    const items = numbersIn(before ?? after ?? bareAfter).map((number) => `${numbered.at(-1)}.${number}`);
    const isNumbered = numbered.length > 0 ? [...numbered, ...items] : [];
    add('section', match.index, whole, sectionProblem(where, isNumbered, targets));
  }
  for (const match of flat.matchAll(decisionForms(file, text))) {
    const number = match.slice(1).find((group) => group !== undefined)!;
    add('decision', match.index, match[0], targets.decisions.has(number) ? null : 'no such decision');
  }
  for (const match of flat.matchAll(
    /([\w-]+\.md)(?:\]\([^)]*\))?,?\s+\(?"([^"]+)"|"([^"]+)"\s+in\s+\[([\w-]+\.md)\]/g,
  )) {
    const headings = targets.headings.get(match[1] ?? match[4]!);
    const heading = (match[2] ?? match[3]!).replace(/\s+/g, ' ');
    if (headings) add('heading', match.index, match[0], headings.has(heading) ? null : 'no such heading');
  }
  const prose = flat.replace(/(`+)[\s\S]*?\1/g, (code) => ' '.repeat(code.length));
  if (file.endsWith('.md'))
    for (const match of prose.matchAll(/\]\((?![a-z]+:)([^)#\s]+)(?:#[^)]*)?\)/g))
      add('link', match.index, match[0], targets.hasFile(file, match[1]!) ? null : 'no such file');
  return found;
}

function numbersIn(list: string | undefined): readonly string[] {
  return list?.match(/\d+(?:\.\d+)*/g) ?? [];
}

function sectionProblem(
  document: string | undefined,
  numbered: readonly string[],
  { sections }: Targets,
): string | null {
  if (document === undefined) return 'of which document?';
  const known = sections.get(document);
  if (!known) return `there is no document ${document} in docs/spec`;
  const missing = numbered.filter((number) => !known.has(number));
  return missing.length === 0 ? null : `document ${document} has no ${missing.join(', ')}`;
}

/** Among the decisions any such number is a reference; elsewhere the file must use the word "decision". */
function decisionForms(file: string, text: string): RegExp {
  if (file.startsWith('docs/decisions/')) return /\b(00\d\d)\b/g;
  const inBrackets = /decision/i.test(text) ? String.raw`|\((00\d\d)\)` : '';
  return new RegExp(String.raw`\bdecisions/(\d{4})|\b[Dd]ecisions?\s+(\d{4})${inBrackets}`, 'g');
}

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** The targets in this repository. */
function targetsOfRepository(): Targets {
  const named = (pattern: string) =>
    globSync(pattern, { cwd: root }).map((file) => [basename(file), file] as const);
  return {
    sections: new Map(
      named('docs/spec/*.md').map(([name, file]) => [name.slice(0, 2), sectionsOf(read(file))]),
    ),
    decisions: new Set(named('docs/decisions/*.md').map(([name]) => name.slice(0, 4))),
    headings: new Map(named('docs/*.md').map(([name, file]) => [name, headingsOf(read(file))])),
    hasFile: (file, path) => existsSync(join(root, dirname(file), path)),
  };
}

function checkRepository(): void {
  const folders = ['src', 'sandbox', 'embedded-postgres', 'test', 'bench', 'scripts', 'docs'];
  const files = globSync([...folders.map((folder) => `${folder}/**/*.{ts,md}`), '*.md'], {
    cwd: root,
  }).sort();
  const targets = targetsOfRepository();
  const counts: Record<Kind, number> = { section: 0, decision: 0, heading: 0, link: 0 };
  let breaches = 0;
  // Its examples contain broken references on purpose.
  for (const file of files.filter((name) => name !== 'scripts/check-references.test.ts'))
    for (const { kind, line, text, problem } of referencesIn(file, read(file), targets)) {
      counts[kind] += 1;
      if (problem === null) continue;
      breaches += 1;
      console.error(`${file}:${line}: "${text}": ${problem}`);
    }
  const total = `${counts.section} to sections, ${counts.decision} to decisions, ${counts.heading} to headings`;
  console.log(`references: ${files.length} files, ${total}, ${counts.link} links, ${breaches} unresolved`);
  process.exitCode = breaches === 0 ? 0 : 1;
}

if (import.meta.main) checkRepository();
