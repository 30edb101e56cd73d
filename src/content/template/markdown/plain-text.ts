import { trim } from '../text/whitespace.ts';
import { bounded } from './composed.ts';
import { escapeText } from './html.ts';
import type { Inline } from './inline.ts';
import type { Node } from './parse.ts';

/** Characters of a rule and of the underline of a heading. */
const width = 65;
const rule = '=-'.repeat(width).slice(0, width);

type Style = {
  readonly heading: (level: number, text: string) => string;
  readonly rule: string;
  readonly link: (text: string, url: string, title: string) => string;
  readonly url: (url: string) => string;
};

const preheaderStyle: Style = {
  heading: (_level, text) => paragraph(text),
  rule: '',
  link: (text, _url, title) => text + title,
  url: (url) => url,
};

/**
 * The plain text of a body (spec 02, section 6.5). Text comes out escaped, for the last step of the pipeline to decode;
 * raw tags and URLs do not. `mapUrl` may replace each URL, to protect it from the steps between.
 */
export function renderPlainText(
  nodes: readonly Node[],
  mapUrl: (url: string) => string = (url) => url,
): string {
  return blocks(nodes, {
    heading: (level, text) => {
      if (level > 2) return paragraph(text);
      return `\n\n\n${text}\n${(level === 1 ? '=' : '-').repeat(width)}`;
    },
    rule: paragraph(rule),
    link: (text, url, title) => (text === '' ? mapUrl(url) : `${text}${title}: ${mapUrl(url)}`),
    url: mapUrl,
  });
}

/** The preheader of a body: no rules, no underlines, links without their URLs (spec 02, section 6.5). */
export function renderPreheader(nodes: readonly Node[]): string {
  return blocks(nodes, preheaderStyle);
}

function blocks(nodes: readonly Node[], style: Style): string {
  let text = '';
  for (const node of nodes) text = bounded(text + block(node, style));
  return text;
}

function block(node: Node, style: Style): string {
  switch (node.kind) {
    case 'lineBreak':
      return '\n';
    case 'rule':
      return style.rule;
    case 'code':
    case 'html':
      return node.text;
    case 'text':
      return inlines(node.inlines, style);
    case 'paragraph':
      return paragraph(inlines(node.inlines, style));
    case 'heading':
      return style.heading(node.level, inlines(node.inlines, style));
    case 'inset':
      return blocks(node.blocks, style);
    case 'list':
      return list(node.ordered, node.items, style);
  }
}

function paragraph(text: string): string {
  return trim(text) === '' ? '' : `\n\n${text}`;
}

function list(ordered: boolean, items: readonly (readonly Node[])[], style: Style): string {
  let lines = '\n';
  items.forEach((item, index) => {
    lines = bounded(`${lines}\n${ordered ? `${index + 1}.` : '•'} ${trim(blocks(item, style))}`);
  });
  return lines;
}

function inlines(pieces: readonly Inline[], style: Style): string {
  let text = '';
  for (const piece of pieces) text += inline(piece, style);
  return text;
}

function inline(piece: Inline, style: Style): string {
  switch (piece.kind) {
    case 'text':
      return escapeText(piece.text);
    case 'html':
      return piece.text;
    case 'lineBreak':
      return '\n';
    case 'url':
      return style.url(piece.text);
    case 'link': {
      const title = piece.title ? ` (${piece.title})` : '';
      return style.link(inlines(piece.inlines, style), piece.url, title);
    }
  }
}
