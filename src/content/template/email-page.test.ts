import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emailFragment, emailPage } from './email-page.ts';

const parts = { title: 'Title', preheader: 'Preview', body: '<p>Body</p>' };

test('an email page declares its language, character set, viewport and colour schemes', () => {
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

test('an email page loads nothing from elsewhere and shows no brand unless one is given', () => {
  const page = emailPage(parts);
  assert.doesNotMatch(page, /https?:|src=|url\(|@import/);
  assert.doesNotMatch(page, /gov/i);
});

test('an email fragment has no head or body tags', () => {
  const fragment = emailFragment({ ...parts, branding: { text: 'Council' } });
  assert.doesNotMatch(fragment, /<(?:html|head|body|!doctype)/i);
  assert.match(fragment, /Preview….*Council.*<p>Body<\/p>/s);
});

test('branding is escaped, and malformed colours and insecure logo URLs are ignored', () => {
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

test('a logo alone has alternative text, a logo beside text is decorative', () => {
  const logo = { url: 'https://a.example/"x".png', alternative: 'The "A"' };
  const alone = emailFragment({ ...parts, branding: { logo, layout: 'row' } });
  assert.match(alone, /src="https:\/\/a\.example\/&quot;x&quot;\.png" alt="The &quot;A&quot;" height="54"/);
  const beside = emailFragment({ ...parts, branding: { logo, text: 'A', layout: 'row', colour: '#00ff00' } });
  assert.match(beside, /alt="" aria-hidden="true" height="27"/);
  assert.match(beside, /border-left: 2px solid #00ff00/);
});

test('the text on a banner is readable on its colour', () => {
  const ink = (colour: string) =>
    /<span style="color: (#\w+);[^>]*>A</.exec(
      emailFragment({ ...parts, branding: { text: 'A', colour } }),
    )?.[1];
  assert.equal(ink('#1d70b8'), '#ffffff');
  assert.equal(ink('#000000'), '#ffffff');
  assert.equal(ink('#ffdd00'), '#0b0c0c');
});
