import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headingsOf, referencesIn, sectionsOf, type Targets } from './check-references.ts';

const spec = `# 05 Delivery
## 1. Queues
### 1.2 The queues
1. First.
| # | Check |
|---|---|
| 2 | second |
## 3. Helpers
3.13 **link**: made.
`;
const targets: Targets = {
  sections: new Map([['05', sectionsOf(spec)]]),
  decisions: new Set(['0012']),
  headings: new Map([
    ['architecture.md', headingsOf('# Architecture\n\n## Speed\n\n**The disk is full.** Free it.')],
  ]),
  hasFile: (_file, path) => path === 'there.md',
};
const problems = (text: string, file = 'src/a.ts') =>
  referencesIn(file, text, targets).map(({ line, text, problem }) => [line, text, problem]);

test('headings, helpers, numbered items and numbered rows of a specification can be referred to', () => {
  assert.deepEqual([...sectionsOf(spec)], ['1', '1.2', '1.2.1', '1.2.2', '3', '3.13']);
});

test('a reference is found and resolved in every form in use, even across the lines of a comment', () => {
  const forms = [
    '(spec 05, section 1.2)',
    'spec 05 section 1.2',
    '(spec 05, 1.2)',
    'Spec 05, sections 1, 1.2 and 3.13.',
    'Row 2 of spec 05 section 1.2.',
    'Spec 05, section 1.2, rule 1.',
    '05 §1.2, §3.13',
    '(docs/decisions/0012)',
    '(decision 0012)',
    'decisions are in (0012)',
    '(docs/architecture.md, "Speed")',
    '"The disk is full" in [architecture.md](x)',
  ];
  for (const form of forms) {
    const found = problems(form);
    assert.deepEqual([found.length, found[0]?.[2]], [1, null], form);
  }
  assert.deepEqual(problems('\n/**\n * The queues (spec 05,\n * section 1.2).\n */'), [
    [3, 'spec 05, section 1.2', null],
  ]);
});

test('a section without a document belongs to the document named before it, or to the specification it is in', () => {
  assert.deepEqual(problems('// Spec 05.\n// See section 1.2.').at(-1), [2, 'section 1.2', null]);
  assert.deepEqual(problems('See section 1.2.', 'docs/spec/05-delivery.md'), [[1, 'section 1.2', null]]);
  assert.deepEqual(problems('See section 1.2.'), [[1, 'section 1.2', 'of which document?']]);
  assert.deepEqual(problems('RFC 4291, section 2.4'), []);
});

test('an unresolved reference is reported with the reason', () => {
  const table: [string, string][] = [
    ['spec 05, section 9', 'document 05 has no 9'],
    ['spec 05, sections 1 and 9.1', 'document 05 has no 9.1'],
    ['spec 05 section 1.2 step 7', 'document 05 has no 1.2.7'],
    ['spec 08', 'there is no document 08 in docs/spec'],
    ['decision 0099', 'no such decision'],
    ['docs/architecture.md, "Sleep"', 'no such heading'],
    [`DESIG${'N'}, section 6`, 'is not in the repository: refer to docs/architecture.md'],
  ];
  for (const [text, problem] of table) assert.equal(problems(text)[0]?.[2], problem, text);
});

test('links in documents must lead to files, except inside code', () => {
  assert.deepEqual(
    problems('[a](there.md#x) [b](gone.md) [c](https://example.com) `[d](url)`', 'README.md'),
    [
      [1, '](there.md#x)', null],
      [1, '](gone.md)', 'no such file'],
    ],
  );
});
