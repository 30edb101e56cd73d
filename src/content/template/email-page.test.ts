import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emailFragment, emailPage } from './email-page.ts';

const parts = { title: 'Title', preheader: 'Preview', body: '<p>Body</p>' };

test('a page has what readers and their software need', () => {
  const page = emailPage(parts);
  assert.ok(page.startsWith('<!DOCTYPE html>\n<html lang="en"'));
  assert.match(page, /<meta charset="utf-8">/);
  assert.match(page, /<meta name="viewport" content="width=device-width/);
  assert.match(page, /<meta name="format-detection" content="telephone=no/);
  assert.match(page, /<meta name="color-scheme" content="light dark">/);
  assert.match(page, /prefers-color-scheme: dark/);
  assert.match(page, /<title>Title<\/title>/);
  assert.match(page, /role="article"/);
});

test('the preheader comes first in the body, hidden, with an ellipsis', () => {
  assert.match(emailPage(parts), /<body[^>]*>\n<span style="display: none;[^"]*" hidden>Preview…<\/span>/);
});

test('nothing is loaded from elsewhere, and no brand shows unless asked for', () => {
  const page = emailPage(parts);
  assert.doesNotMatch(page, /https?:|src=|url\(|@import/);
  assert.doesNotMatch(page, /gov/i);
});

test('a fragment has no head and no body tags', () => {
  const fragment = emailFragment({ ...parts, branding: { text: 'Council' } });
  assert.doesNotMatch(fragment, /<(?:html|head|body|!doctype)/i);
  assert.match(fragment, /Preview….*Council.*<p>Body<\/p>/s);
});

test('branding is escaped, and what is no colour or secure address is dropped', () => {
  const fragment = emailFragment({
    ...parts,
    branding: {
      text: '<b>"A"</b>',
      colour: 'red; background: url(x)',
      logo: { url: 'javascript:x', alternative: 'A' },
    },
  });
  assert.match(fragment, /&lt;b&gt;&quot;A&quot;&lt;\/b&gt;/);
  assert.doesNotMatch(fragment, /url\(x\)|<img/);
});

test('a logo alone says what it is, beside a text it is silent', () => {
  const logo = { url: 'https://a.example/"x".png', alternative: 'The "A"' };
  const alone = emailFragment({ ...parts, branding: { logo, layout: 'row' } });
  assert.match(alone, /src="https:\/\/a\.example\/&quot;x&quot;\.png" alt="The &quot;A&quot;" height="54"/);
  const beside = emailFragment({ ...parts, branding: { logo, text: 'A', layout: 'row', colour: '#00ff00' } });
  assert.match(beside, /alt="" aria-hidden="true" height="27"/);
  assert.match(beside, /border-left: 2px solid #00ff00/);
});

test('the words on a bar can be read on its colour', () => {
  const ink = (colour: string) =>
    /<span style="color: (#\w+);[^>]*>A</.exec(
      emailFragment({ ...parts, branding: { text: 'A', colour } }),
    )?.[1];
  assert.equal(ink('#1d70b8'), '#ffffff');
  assert.equal(ink('#000000'), '#ffffff');
  assert.equal(ink('#ffdd00'), '#0b0c0c');
});
