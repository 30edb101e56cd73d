import { escapeMarkup } from './escape.ts';

/** The look that a service gives its emails; what is left out is not shown. Texts are plain text, not HTML. */
export type Branding = {
  /** Shown in white on the colour of the bar (`banner`), or beside the logo (`row`). */
  readonly text?: string | null;
  readonly logo?: Logo | null;
  /** `#rrggbb`; anything else is taken for no colour. */
  readonly colour?: string | null;
  readonly layout?: 'banner' | 'row';
};

export type Logo = {
  /** An https address; nothing else is loaded from anywhere. */
  readonly address: string;
  /** What the logo says, used where no text stands beside it. */
  readonly alternative: string;
};

export type PageParts = {
  /** The subject as HTML, of `emailTitle`. */
  readonly title: string;
  /** HTML, of `emailPreheader`. */
  readonly preheader: string;
  /** HTML, of `emailHtmlBody`. */
  readonly body: string;
  readonly branding?: Branding | null;
};

const DARK_TEXT = '#0b0c0c';
const COLOUR = /^#[0-9a-f]{6}$/i;

const STYLE_SHEET = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
body, table, td { -webkit-text-size-adjust: 100%; -ms-text-size-adjust: 100%; }
img { border: 0; -ms-interpolation-mode: bicubic; }
.despatch-content a { color: #1a5fa8; }
.despatch-content > :last-child { margin-bottom: 0 !important; }
.despatch-content blockquote > :last-child { margin-bottom: 9px !important; }
@media only screen and (max-width: 600px) {
  .despatch-content h2 { font-size: 24px !important; }
  .despatch-content p, .despatch-content li { font-size: 17px !important; }
}
@media (prefers-color-scheme: dark) {
  .despatch-page { background-color: #16181a !important; }
  .despatch-content, .despatch-brand { color: #f1f2f3 !important; }
  .despatch-content a { color: #8ab8f0 !important; }
}
@media print {
  .despatch-page { background-color: #ffffff !important; }
  .despatch-content { color: #000000 !important; max-width: none !important; }
}`;

/**
 * The complete HTML page of an email (spec 02 section 7), in a design of our own: one column, dark text on white
 * or light text on near black as the reader's system asks, nothing loaded from elsewhere except the logo of the
 * branding. Branding is escaped here; the other parts are HTML already.
 */
export function emailPage({ title, preheader, body, branding }: PageParts): string {
  return `<!DOCTYPE html>
<html lang="en" dir="ltr">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${title}</title>
<style>${STYLE_SHEET}
</style>
<!--[if mso]><style>body, table, td, p, li, h2, h3 { font-family: Arial, sans-serif !important; }</style><![endif]-->
</head>
<body class="despatch-page" style="margin: 0; padding: 0; background-color: #ffffff; font-family: Helvetica, Arial, sans-serif; font-size: 16px;">
${emailFragment({ title, preheader, body, branding })}
</body>
</html>
`;
}

/** The same without document type, head and body tags, to show a message inside another page. */
export function emailFragment({ preheader, body, branding }: PageParts): string {
  return `<span style="display: none; font-size: 1px; color: #ffffff; max-height: 0; overflow: hidden;" hidden>${preheader}…</span>
${branding ? header(branding) : ''}<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse: collapse; table-layout: fixed;">
<tr><td align="center" style="padding: 30px 16px;">
<div class="despatch-content" role="article" aria-roledescription="email" lang="en" dir="auto" style="max-width: 580px; margin: 0 auto; text-align: left; color: ${DARK_TEXT}; font-family: Helvetica, Arial, sans-serif; font-size: 19px; line-height: 1.35; overflow-wrap: break-word; word-break: break-word;">${body}</div>
</td></tr>
</table>`;
}

function header({ text, logo, colour, layout = 'banner' }: Branding): string {
  if (!text && !logo) return '';
  const shown = colour && COLOUR.test(colour) ? colour : null;
  const image = logo ? logoImage(logo, Boolean(text)) : '';
  return layout === 'banner' ? banner(text, image, shown ?? DARK_TEXT) : row(text, image, shown);
}

function banner(text: string | null | undefined, image: string, colour: string): string {
  const ink = readableOn(colour);
  const words = text
    ? `<span style="color: ${ink}; font-size: 22px; font-weight: bold; line-height: 1.3; vertical-align: middle;">${attribute(text)}</span>`
    : '';
  return headerTable(
    `<td align="center" style="background-color: ${colour}; padding: 14px 16px;">`,
    `${image}${image && words ? '&nbsp;&nbsp;' : ''}${words}`,
    '',
  );
}

function row(text: string | null | undefined, image: string, colour: string | null): string {
  const border = colour ? `border-left: 2px solid ${colour}; padding-left: 10px;` : '';
  const words = text ? `<span style="vertical-align: middle;">${attribute(text)}</span>` : '';
  return headerTable(
    '<td align="center" style="padding: 24px 16px 0;">',
    `<div style="${border} font-size: 18px; line-height: 1.3;">${image}${image && words ? '&nbsp;&nbsp;' : ''}${words}</div>`,
    ` class="despatch-brand"`,
  );
}

function headerTable(cell: string, content: string, classes: string): string {
  return `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse: collapse; table-layout: fixed;">
<tr>${cell}<div${classes} style="max-width: 580px; margin: 0 auto; text-align: left; color: ${DARK_TEXT}; overflow-wrap: break-word; word-break: break-word;">${content}</div></td></tr>
</table>
`;
}

/** A logo beside a text says nothing of its own. */
function logoImage({ address, alternative }: Logo, besideText: boolean): string {
  if (!/^https:\/\//i.test(address)) return '';
  const meaning = besideText ? 'alt="" aria-hidden="true"' : `alt="${attribute(alternative)}"`;
  return `<img src="${attribute(address)}" ${meaning} height="${besideText ? 27 : 54}" style="vertical-align: middle; border: 0;">`;
}

/** White or near black, whichever can be read better on `colour` (relative luminance of WCAG 2). */
function readableOn(colour: string): string {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.183 ? DARK_TEXT : '#ffffff';
}

function attribute(text: string): string {
  return escapeMarkup(text).replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
