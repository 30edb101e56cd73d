/** Markup that is safe to include in a page. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | null | readonly Html[];

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\0': '\ufffd',
};

/** Template tag for markup: texts are escaped (quoted attributes included), null is left out. */
export function html(fixed: TemplateStringsArray, ...parts: Part[]): Html {
  let text = fixed[0]!;
  for (const [index, part] of parts.entries()) text += markup(part) + fixed[index + 1]!;
  return new Html(text);
}

function markup(part: Part): string {
  if (part === null) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'string') return part.replace(/[&<>"'\0]/g, (sign) => entities[sign]!);
  return typeof part === 'number' ? String(part) : part.map(({ text }) => text).join('');
}
