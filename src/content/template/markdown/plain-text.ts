import { trim } from '../whitespace.ts';
import type { Document, Node } from './document.ts';
import { escapeText } from './html.ts';
import type { Inline } from './inline.ts';

const WIDTH = 65;
const RULE = '=-'.repeat(WIDTH).slice(0, WIDTH);

type Style = {
  readonly heading: (level: number, text: string) => string;
  readonly rule: string;
  readonly link: (text: string, address: string, title: string) => string;
  readonly address: (address: string) => string;
};

const preview: Style = {
  heading: (_level, text) => paragraph(text),
  rule: '',
  link: (text, _address, title) => text + title,
  address: (address) => address,
};

/**
 * The plain text of a body (spec 02 section 6.5). Text comes out escaped, references and all, for the pipeline to
 * decode at its end; raw tags and addresses do not. `address` may mark addresses to protect them on the way there.
 */
export function renderPlainText(
  document: Document,
  address: (address: string) => string = (it) => it,
): string {
  return blocks(document.blocks, {
    heading: (level, text) => {
      if (level > 2) return paragraph(text);
      return `\n\n\n${text}\n${(level === 1 ? '=' : '-').repeat(WIDTH)}`;
    },
    rule: paragraph(RULE),
    link: (text, target, title) => (text === '' ? address(target) : `${text}${title}: ${address(target)}`),
    address,
  });
}

/** What an inbox shows of a body beside its subject: no rules, no underlines, links without their addresses. */
export function renderPreview(document: Document): string {
  return blocks(document.blocks, preview);
}

function blocks(nodes: readonly Node[], style: Style): string {
  let text = '';
  for (const node of nodes) text += block(node, style);
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
  const lines = items.map(
    (item, index) => `\n${ordered ? `${index + 1}.` : '•'} ${trim(blocks(item, style))}`,
  );
  return `\n${lines.join('')}`;
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
    case 'address':
      return style.address(piece.text);
    case 'link': {
      const title = piece.title ? ` (${piece.title})` : '';
      return style.link(inlines(piece.inlines, style), piece.address, title);
    }
  }
}
