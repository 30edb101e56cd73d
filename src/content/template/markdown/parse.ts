import { type Block, parseBlocks } from './blocks.ts';
import { type Inline, parseInline } from './inline.ts';

/** A block of a parsed text. `text` is a line of a tight list item; `code` and `html` are raw. */
export type Node =
  | { readonly kind: 'lineBreak' | 'rule' }
  | { readonly kind: 'code' | 'html'; readonly text: string }
  | { readonly kind: 'paragraph' | 'text'; readonly inlines: readonly Inline[] }
  | { readonly kind: 'heading'; readonly level: number; readonly inlines: readonly Inline[] }
  | { readonly kind: 'inset'; readonly blocks: readonly Node[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Node[])[] };

/**
 * Parses the restricted Markdown of emails (spec 02, section 6), which is a dialect of its own and not CommonMark.
 * Takes escaped text for an HTML renderer, raw text for a plain-text one. Returns the blocks of the text, then those of
 * the footnotes it refers to, in order of reference. Any text is valid: nothing throws, nesting is bounded (six lists,
 * six insets) and time is linear in the length.
 */
export function parseMarkdown(text: string): readonly Node[] {
  const { blocks, definitions } = parseBlocks(normalise(text));
  const referenced = new Set<string>();
  let inFootnotes = false;
  const nodes = withInlines(blocks);
  inFootnotes = true;
  for (const label of referenced) nodes.push(...withInlines(definitions.footnotes.get(label)!));
  return nodes;

  function withInlines(from: readonly Block[]): Node[] {
    return from.map((block): Node => {
      switch (block.kind) {
        case 'paragraph':
        case 'text':
          return { kind: block.kind, inlines: inline(block.text) };
        case 'heading':
          return { kind: 'heading', level: block.level, inlines: inline(block.text) };
        case 'inset':
          return { kind: 'inset', blocks: withInlines(block.blocks) };
        case 'list':
          return { kind: 'list', ordered: block.ordered, items: block.items.map(withInlines) };
        case 'code':
        case 'html':
          return { kind: block.kind, text: block.text };
        default:
          return { kind: block.kind };
      }
    });
  }

  function inline(content: string): Inline[] {
    return parseInline(content, { links: definitions.links, footnote });
  }

  /** Takes a reference to a footnote. Only the first reference to each footnote counts, and none inside footnotes. */
  function footnote(label: string): boolean {
    if (inFootnotes || !definitions.footnotes.has(label) || referenced.has(label)) return false;
    referenced.add(label);
    return true;
  }
}

const tabOrOtherNewline = /[\t\r\u2424]/;
const blankLine = /(^|\n) +(?=\n|$)/g;

/** Normalises newlines and tabs for the parser (spec 02, section 6.1). */
function normalise(text: string): string {
  let clean = text;
  if (tabOrOtherNewline.test(text)) {
    clean = text.replace(/\r\n?/g, '\n');
    if (clean.includes('\t')) clean = clean.split('\n').map(expandTabs).join('\n');
    clean = clean.replaceAll('\u2424', '\n');
  }
  return clean.replace(blankLine, '$1');
}

/** Expands tabs to stops every four columns. A column is a code point. */
function expandTabs(line: string): string {
  if (!line.includes('\t')) return line;
  let column = 0;
  let expanded = '';
  for (const character of line) {
    if (character === '\t') {
      const width = 4 - (column % 4);
      expanded += ' '.repeat(width);
      column += width;
    } else {
      expanded += character;
      column += 1;
    }
  }
  return expanded;
}
