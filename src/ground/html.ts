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

/** The colours of our pages, light and dark. */
export const palette = `:root { color-scheme: light dark; --ground: #f4f5f7; --card: #fff; --ink: #16191d; --soft: #545c66; --line: #d4d9df;
  --link: #0b57a4; --focus: #b45309; --good: #0b6b3a; --good-ground: #e0f3e8; --bad: #a51d1d; --bad-ground: #fbe6e5;
  --open: #7a4d00; --open-ground: #fdf0d3; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --card: #1d2126; --ink: #eceff2; --soft: #a3adb8;
  --line: #363d45; --link: #8fc1ff; --focus: #ffb454; --good: #7fdba6; --good-ground: #12351f; --bad: #ff9d98;
  --bad-ground: #451a1a; --open: #ffcf7a; --open-ground: #3d2c08; } }`;
