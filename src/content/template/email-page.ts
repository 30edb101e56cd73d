import { escapeMarkup } from './text/escape.ts';

/** The look that a service gives its emails. Whatever is left out is not shown. Texts are plain text, not HTML. */
export type Branding = {
  /** Shown on the coloured bar (`banner`) or beside the logo (`row`). */
  readonly text?: string | null;
  readonly logo?: Logo | null;
  /** `#rrggbb`; anything else is ignored. */
  readonly colour?: string | null;
  readonly layout?: 'banner' | 'row';
};

export type Logo = {
  /** An https URL; a logo with any other is not shown. */
  readonly url: string;
  /** The alternative text, used when there is no text beside the logo. */
  readonly alternative: string;
};

export type PageParts = {
  /** HTML, from `emailTitle`. */
  readonly title: string;
  /** HTML, from `emailPreheader`. */
  readonly preheader: string;
  /** HTML, from `emailHtmlBody`. */
  readonly body: string;
  readonly branding?: Branding | null;
};

const darkText = '#0b0c0c';
const hexColour = /^#[0-9a-f]{6}$/i;

const styleSheet = `
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
 * The complete HTML page of an email (spec 02, section 7) in a design of our own: one column, dark text on white or
 * light text on near black as the reader's system prefers. It loads nothing except the logo of the branding. Branding
 * is escaped here; the other parts are HTML already.
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
<style>${styleSheet}
</style>
<!--[if mso]><style>body, table, td, p, li, h2, h3 { font-family: Arial, sans-serif !important; }</style><![endif]-->
</head>
<body class="despatch-page" style="margin: 0; padding: 0; background-color: #ffffff; font-family: Helvetica, Arial, sans-serif; font-size: 16px;">
${emailFragment({ title, preheader, body, branding })}
</body>
</html>
`;
}

/** The same without doctype, head and body tags, to show a message inside another page (spec 02, section 7). */
export function emailFragment({ preheader, body, branding }: PageParts): string {
  return `<span style="display: none; font-size: 1px; color: #ffffff; max-height: 0; overflow: hidden;" hidden>${preheader}…</span>
${branding ? header(branding) : ''}<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse: collapse; table-layout: fixed;">
<tr><td align="center" style="padding: 30px 16px;">
<div class="despatch-content" role="article" aria-roledescription="email" lang="en" dir="auto" style="max-width: 580px; margin: 0 auto; text-align: left; color: ${darkText}; font-family: Helvetica, Arial, sans-serif; font-size: 19px; line-height: 1.35; overflow-wrap: break-word; word-break: break-word;">${body}</div>
</td></tr>
</table>`;
}

function header({ text, logo, colour, layout = 'banner' }: Branding): string {
  if (!text && !logo) return '';
  const shown = colour && hexColour.test(colour) ? colour : null;
  const image = logo ? logoImage(logo, Boolean(text)) : '';
  return layout === 'banner' ? banner(text, image, shown ?? darkText) : row(text, image, shown);
}

function banner(text: string | null | undefined, image: string, colour: string): string {
  const textColour = readableOn(colour);
  const label = text
    ? `<span style="color: ${textColour}; font-size: 22px; font-weight: bold; line-height: 1.3; vertical-align: middle;">${escapeAttribute(text)}</span>`
    : '';
  return headerTable(
    `<td align="center" style="background-color: ${colour}; padding: 14px 16px;">`,
    `${image}${image && label ? '&nbsp;&nbsp;' : ''}${label}`,
    '',
  );
}

function row(text: string | null | undefined, image: string, colour: string | null): string {
  const border = colour ? `border-left: 2px solid ${colour}; padding-left: 10px;` : '';
  const label = text ? `<span style="vertical-align: middle;">${escapeAttribute(text)}</span>` : '';
  return headerTable(
    '<td align="center" style="padding: 24px 16px 0;">',
    `<div style="${border} font-size: 18px; line-height: 1.3;">${image}${image && label ? '&nbsp;&nbsp;' : ''}${label}</div>`,
    ` class="despatch-brand"`,
  );
}

function headerTable(cell: string, content: string, classes: string): string {
  return `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="border-collapse: collapse; table-layout: fixed;">
<tr>${cell}<div${classes} style="max-width: 580px; margin: 0 auto; text-align: left; color: ${darkText}; overflow-wrap: break-word; word-break: break-word;">${content}</div></td></tr>
</table>
`;
}

/** Beside a text, a logo is decorative. */
function logoImage({ url, alternative }: Logo, besideText: boolean): string {
  if (!/^https:\/\//i.test(url)) return '';
  const meaning = besideText ? 'alt="" aria-hidden="true"' : `alt="${escapeAttribute(alternative)}"`;
  return `<img src="${escapeAttribute(url)}" ${meaning} height="${besideText ? 27 : 54}" style="vertical-align: middle; border: 0;">`;
}

/** White or near black, whichever is easier to read on `colour` (relative luminance of WCAG 2). */
function readableOn(colour: string): string {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.183 ? darkText : '#ffffff';
}

function escapeAttribute(text: string): string {
  return escapeMarkup(text).replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
