import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etagOf, namesTag } from './etag.ts';

test('equal bodies have equal tags, different ones different tags', () => {
  assert.equal(etagOf('{"a":"ü"}'), etagOf('{"a":"ü"}'));
  assert.notEqual(etagOf('{"a":1}'), etagOf('{"a":2}'));
  assert.match(etagOf(''), /^"[\w-]{27}"$/);
});

test('a tag is named alone, in a list, as a weak one or by a star', () => {
  const tag = etagOf('tide');
  const table: [header: string, isNamed: boolean][] = [
    [tag, true],
    [`W/${tag}`, true],
    [`"a", ${tag} ,"b"`, true],
    [' * ', true],
    ['', false],
    [',', false],
    [tag.slice(1, -1), false],
    [`w/${tag}`, false],
    [etagOf('ebb'), false],
  ];
  for (const [header, isNamed] of table) assert.equal(namesTag(header, tag), isNamed, header);
});
