import { type Html, html } from '../../ground/html.ts';

/**
 * The little Markdown that descriptions are written in: paragraphs, lists of lines with a hyphen, fenced code, and
 * `code` in backticks.
 */
export function prose(text: string): Html {
  const blocks = text.split(/(?:^|\n)```\w*\n([\s\S]*?)\n```/);
  // Every other part is what stood in a fence.
  return html`${blocks.map((block, index) => (index % 2 === 1 ? codeBlock(block) : html`${paragraphs(block)}`))}`;
}

/** A block of code that has a button to copy it (docs-script.ts). */
export function codeBlock(code: string): Html {
  return html`<div class="code"><pre tabindex="0"><code>${code}</code></pre></div>`;
}

function paragraphs(text: string): Html[] {
  return text
    .split(/\n{2,}|\n(?=- )|(?<=^|\n)(?=- )/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .reduce<{ list: boolean; parts: string[] }[]>((groups, part) => {
      const list = part.startsWith('- ');
      const last = groups.at(-1);
      if (list && last?.list) last.parts.push(part);
      else groups.push({ list, parts: [part] });
      return groups;
    }, [])
    .map(({ list, parts }) =>
      list
        ? html`<ul>${parts.map((part) => html`<li>${inline(part.slice(2))}</li>`)}</ul>`
        : html`<p>${inline(parts[0]!)}</p>`,
    );
}

/** One line of it. */
export function inline(text: string): Html {
  return html`${text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`))}`;
}
