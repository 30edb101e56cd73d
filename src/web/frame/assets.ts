import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Theme } from './page.ts';

/** A file that pages load. Its name holds a hash of its content, so browsers keep it for good. */
export type Asset = Readonly<{
  path: string;
  type: string;
  plain: Buffer;
  gzip: Buffer;
  brotli: Buffer;
}>;

export type Assets = Readonly<{
  /** Paths of the style sheet and the scripts, for the head of a page. */
  style: Readonly<Record<Theme, string>>;
  script: string;
  icon: string;
  logo: string | null;
  at: (path: string) => Asset | null;
}>;

export type Brand = Readonly<{
  /** `#rrggbb`. */
  colour: string;
  logoFile: string | null;
}>;

const require = createRequire(import.meta.url);
const served = join(import.meta.dirname, '..', 'served');

/** Reads the files once. Throws an Error that names the file if one is missing. */
export function loadAssets({ colour, logoFile }: Brand): Assets {
  const all = new Map<string, Asset>();
  const add = (name: string, extension: string, type: string, content: Buffer | string) => {
    const plain = Buffer.from(content);
    const hash = createHash('sha256').update(plain).digest('base64url').slice(0, 12);
    const path = `/assets/${name}-${hash}.${extension}`;
    const asset = { path, type, plain, gzip: gzipSync(plain, { level: 9 }), brotli: squeezed(plain) };
    all.set(path, asset);
    return path;
  };
  // Maps of the packages' sources are not served.
  const script = (name: string, content: string) =>
    add(name, 'js', 'text/javascript; charset=utf-8', content.replace(/\/\/# sourceMappingURL=.*$/m, ''));

  const govuk = script(
    'govuk-frontend',
    readFileSync(require.resolve('govuk-frontend/dist/govuk/govuk-frontend.min.js'), 'utf8'),
  );
  // In one file with our own script, which saves a request of the first visit.
  const merge = readFileSync(require.resolve('idiomorph/dist/idiomorph.min.js'), 'utf8');
  const own = readFileSync(join(served, 'despatch.js'), 'utf8')
    .replaceAll("'govuk-frontend'", `'${govuk}'`)
    .replace("import { Idiomorph } from 'idiomorph';", () => merge);
  const style = `${neutralStyle()}\n${readFileSync(join(served, 'despatch.css'), 'utf8').replaceAll('#0b5c66', colour)}`;
  return {
    style: {
      system: add('despatch', 'css', 'text/css; charset=utf-8', style),
      light: add('despatch-light', 'css', 'text/css; charset=utf-8', onlyIn(style, 'light')),
      dark: add('despatch-dark', 'css', 'text/css; charset=utf-8', onlyIn(style, 'dark')),
    },
    script: script('despatch', own),
    icon: add(
      'icon',
      'svg',
      'image/svg+xml',
      readFileSync(join(served, 'icon.svg'), 'utf8').replaceAll('#0b5c66', colour),
    ),
    logo: logoFile === null ? null : add('logo', ...logoType(logoFile), readFileSync(logoFile)),
    at: (path) => all.get(path) ?? null,
  };
}

/**
 * The style sheet of GOV.UK's design system without what only GOV.UK may use: its font, and pictures of the crest and
 * crown (spec 07, section 2).
 */
function neutralStyle(): string {
  const sheet = readFileSync(require.resolve('govuk-frontend/dist/govuk/govuk-frontend.min.css'), 'utf8');
  return sheet
    .replace(/@font-face\{[^}]*\}/g, '')
    .replace(/"?GDS Transport"?/g, 'system-ui')
    .replace(/url\([^)]*\)/g, 'none')
    .replace(/\.govuk-footer__crown\{[^}]*\}/g, '')
    .replace(/\/\*#.*$/m, '');
}

/** The style sheet for somebody who chose a theme, whatever their system has. */
function onlyIn(style: string, theme: 'light' | 'dark'): string {
  return style
    .replaceAll('@media (prefers-color-scheme: dark)', theme === 'dark' ? '@media all' : '@media not all')
    .replaceAll('color-scheme: light dark', `color-scheme: ${theme}`);
}

function logoType(file: string): [extension: string, type: string] {
  const extension = /\.(svg|png)$/i.exec(file)?.[1]?.toLowerCase();
  if (extension === 'svg') return ['svg', 'image/svg+xml'];
  return ['png', 'image/png'];
}

function squeezed(content: Buffer): Buffer {
  return brotliCompressSync(content, {
    // A window of 64 KiB takes 17 MiB less than the usual one, for 1 % more bytes.
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 9,
      [constants.BROTLI_PARAM_LGWIN]: 16,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
}
