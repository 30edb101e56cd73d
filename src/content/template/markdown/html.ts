import { makeLink } from '../link.ts';
import { trim } from '../whitespace.ts';
import type { Document, Node } from './document.ts';
import type { Inline } from './inline.ts';

// Mail readers keep inline styles when they drop everything else. No colour of text here: the page sets one for
// light and one for dark, and both have to reach the text.
const style = {
  heading1: 'margin: 0 0 20px; font-size: 27px; line-height: 1.25; font-weight: bold;',
  heading2: 'margin: 25px 0 15px; font-size: 19px; line-height: 1.3; font-weight: bold;',
  paragraph: 'margin: 0 0 20px; font-size: 19px; line-height: 1.35;',
  rule: 'border: 0; height: 1px; background: #808a93; margin: 30px 0;',
  list: 'margin: 0; padding: 0; width: 100%; table-layout: fixed; border-collapse: collapse;',
  unordered: 'margin: 0 0 20px; padding: 0 0 0 24px; list-style-type: disc;',
  ordered: 'margin: 0 0 20px; padding: 0 0 0 30px; list-style-type: decimal;',
  item: 'margin: 5px 0; padding: 0 0 0 4px; font-size: 19px; line-height: 1.35;',
  inset: 'margin: 0 0 20px; padding: 10px 0 1px 16px; border-left: 8px solid #808a93;',
  quote: 'margin: 0; padding: 0;',
  link: 'word-wrap: break-word; overflow-wrap: anywhere;',
} as const;

const BARE_AMPERSAND = /&(?!#?[\p{L}\p{N}_]+;)/gu;
const MARKUP = /[&<>]/;

/** The HTML of a body that was escaped before it was parsed (spec 02 section 6.5). No newlines between elements. */
export function renderHtml(document: Document): string {
  return blocks(document.blocks);
}

/** Text escaped, except references that are in it already (spec 02 section 6.4, item 9). */
export function escapeText(text: string): string {
  if (!MARKUP.test(text)) return text;
  return text.replace(BARE_AMPERSAND, '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function blocks(nodes: readonly Node[]): string {
  let html = '';
  for (const node of nodes) html += block(node);
  return html;
}

function block(node: Node): string {
  switch (node.kind) {
    case 'lineBreak':
      return '<br>';
    case 'rule':
      return `<hr style="${style.rule}">`;
    case 'code':
    case 'html':
      return node.text;
    case 'text':
      return inlines(node.inlines);
    case 'paragraph':
      return paragraph(inlines(node.inlines));
    case 'heading':
      return heading(node.level, inlines(node.inlines));
    case 'inset':
      return `<div style="${style.inset}"><blockquote style="${style.quote}">${blocks(node.blocks)}</blockquote></div>`;
    case 'list':
      return list(node.ordered, node.items);
  }
}

function paragraph(html: string): string {
  return trim(html) === '' ? '' : `<p style="${style.paragraph}">${html}</p>`;
}

function heading(level: number, html: string): string {
  if (level === 1) return `<h2 style="${style.heading1}">${html}</h2>`;
  return level === 2 ? `<h3 style="${style.heading2}">${html}</h3>` : paragraph(html);
}

function list(ordered: boolean, items: readonly (readonly Node[])[]): string {
  const tag = ordered ? 'ol' : 'ul';
  const entries = items.map((item) => `<li style="${style.item}">${trim(blocks(item))}</li>`).join('');
  // Outlook gives up the indent of a list unless a table holds it.
  return (
    `<table role="presentation" style="${style.list}"><tr><td>` +
    `<${tag} style="${ordered ? style.ordered : style.unordered}">${entries}</${tag}></td></tr></table>`
  );
}

function inlines(pieces: readonly Inline[]): string {
  let html = '';
  for (const piece of pieces) html += inline(piece);
  return html;
}

function inline(piece: Inline): string {
  switch (piece.kind) {
    case 'text':
      return escapeText(piece.text);
    case 'html':
      return piece.text;
    case 'lineBreak':
      return '<br>';
    case 'address':
      return makeLink(piece.text, { style: style.link });
    case 'link':
      return makeLink(piece.address, {
        text: inlines(piece.inlines) || piece.address,
        style: style.link,
        title: piece.title === null ? undefined : withoutTags(piece.title),
      });
  }
}

/** For an attribute: a placeholder mark in a title would look like the end of the tag to what reads this later. */
function withoutTags(title: string): string {
  return title.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
