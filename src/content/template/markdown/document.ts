import { type Block, parseBlocks } from './blocks.ts';
import { noDefinitions } from './definitions.ts';
import { type Inline, parseInline } from './inline.ts';

/** The tree of one text: its blocks, and after them the blocks of the footnotes that it refers to, in that order. */
export type Document = { readonly blocks: readonly Node[] };

export type Node =
  | { readonly kind: 'lineBreak' | 'rule' }
  | { readonly kind: 'code' | 'html'; readonly text: string }
  | { readonly kind: 'paragraph' | 'text'; readonly inlines: readonly Inline[] }
  | { readonly kind: 'heading'; readonly level: number; readonly inlines: readonly Inline[] }
  | { readonly kind: 'inset'; readonly blocks: readonly Node[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Node[])[] };

const TABS_OR_OTHER_NEWLINES = /[\t\r\u2424]/;
const SPACES_ALONE = /(^|\n) +(?=\n|$)/g;

/**
 * Parses the restricted Markdown of emails (spec 02 section 6), a dialect of its own and not CommonMark. Takes
 * text that is already escaped for an HTML renderer, or raw text for a plain-text one. Any text is valid: nothing
 * throws, nesting is bounded (six lists, six insets) and time is linear in the length.
 */
export function parseMarkdown(text: string): Document {
  const definitions = noDefinitions();
  const blocks = parseBlocks(normalise(text), definitions);
  const referred = new Set<string>();
  let inFootnotes = false;
  const nodes = withInlines(blocks);
  inFootnotes = true;
  for (const key of referred) nodes.push(...withInlines(definitions.footnotes.get(key)!));
  return { blocks: nodes };

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

  /** Takes a reference to a footnote; false where there is none to refer to. Only the first reference counts. */
  function footnote(key: string): boolean {
    if (inFootnotes || !definitions.footnotes.has(key) || referred.has(key)) return false;
    referred.add(key);
    return true;
  }
}

/** Newlines and tabs as the parser expects them (spec 02 section 6.1). */
function normalise(text: string): string {
  let clean = text;
  if (TABS_OR_OTHER_NEWLINES.test(text)) {
    clean = text.replace(/\r\n?/g, '\n');
    if (clean.includes('\t')) clean = clean.split('\n').map(expandTabs).join('\n');
    clean = clean.replaceAll('\u2424', '\n');
  }
  return clean.replace(SPACES_ALONE, '$1');
}

/** Tabs to stops every four columns, a column being a code point. */
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
