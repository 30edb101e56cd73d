import { makeLink } from '../text/autolink.ts';
import { trim } from '../text/whitespace.ts';
import { bounded } from './composed.ts';
import type { Inline } from './inline.ts';
import type { Node } from './parse.ts';

// Mail readers keep inline styles even if they drop style sheets. No text colour here: the page sets one for light and
// one for dark mode, and an inline colour would override both.
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

const bareAmpersand = /&(?!#?[\p{L}\p{N}_]+;)/gu;
const markupCharacter = /[&<>]/;

/** The HTML of a body that was escaped before parsing (spec 02, section 6.5), without newlines between elements. Throws a Problem. */
export function renderHtml(nodes: readonly Node[]): string {
  let html = '';
  for (const node of nodes) html = bounded(html + block(node));
  return html;
}

/** Escapes text but keeps the character references in it (spec 02, section 6.4, item 9). */
export function escapeText(text: string): string {
  if (!markupCharacter.test(text)) return text;
  return text.replace(bareAmpersand, '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
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
      return `<div style="${style.inset}"><blockquote style="${style.quote}">${renderHtml(node.blocks)}</blockquote></div>`;
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
  let entries = '';
  for (const item of items)
    entries = bounded(`${entries}<li style="${style.item}">${trim(renderHtml(item))}</li>`);
  // Outlook loses the indent of a list outside a table.
  return (
    `<table role="presentation" style="${style.list}"><tr><td>` +
    `<${tag} style="${ordered ? style.ordered : style.unordered}">${entries}</${tag}></td></tr></table>`
  );
}

function inlines(pieces: readonly Inline[]): string {
  let html = '';
  for (const piece of pieces) html = bounded(html + inline(piece));
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
    case 'url':
      return makeLink(piece.text, { style: style.link });
    case 'link':
      return makeLink(piece.url, {
        text: inlines(piece.inlines) || piece.url,
        style: style.link,
        title: piece.title === null ? undefined : escapeTags(piece.title),
      });
  }
}

/**
 * Escapes the placeholder span that a title may hold, so that later steps do not take its `>` for the end of the tag.
 */
function escapeTags(title: string): string {
  return title.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
