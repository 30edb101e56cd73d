import { existsSync } from 'node:fs';
import { ConfigError } from '../ground/problem.ts';
import { flag, list, matching, setting, text, url, type Values, whole } from './setting.ts';

/** The pages for people (spec 07, section 2). */
export const web = {
  host: setting('WEB_HOST', text('127.0.0.1'), 'Address the pages listen on.'),
  port: setting('WEB_PORT', whole(6013, 0, 65_535), 'Port of the pages; 0 picks a free one.'),
  apiUrl: setting(
    'WEB_API_URL',
    url(['http', 'https']),
    'Base URL of the API that the pages speak to.',
    'the API of this process, else `API_HOST_NAME`, else `http://127.0.0.1:` and `PORT`',
  ),
  productName: setting('WEB_PRODUCT_NAME', text('Despatch'), 'Name at the head of every page.'),
  logoFile: setting('WEB_LOGO_FILE', text(null), 'An SVG or PNG file, shown 32 pixels high before the name.'),
  brandColour: setting(
    'WEB_BRAND_COLOUR',
    matching('#0b5c66', /^#[0-9a-f]{6}$/i, 'a colour such as #0b5c66'),
    'Colour of the head of every page. White text on it needs a contrast of 4.5:1.',
  ),
  sessionHours: setting(
    'WEB_SESSION_HOURS',
    whole(21, 1, 168),
    'Hours after which whoever signed in has to sign in again.',
  ),
  secret: setting(
    'WEB_SECRET',
    matching(null, /^.{24,}$/, 'at least 24 characters', { isSecret: true }),
    'Seals the cookies of the pages. Needed where the role `web` runs alone and without `SECRET_KEY`; all such processes need the same.',
    'derived from `SECRET_KEY`',
  ),
  secondStep: setting(
    'WEB_SECOND_STEP',
    flag(true),
    'Whether a code is asked for after the password. 0 is possible only where the pages are on loopback.',
  ),
  registration: setting(
    'WEB_REGISTRATION',
    list(null),
    'Domains of email addresses, separated by commas, whose people may register; others have to be invited.',
    'none: everybody has to be invited',
  ),
  contact: setting(
    'WEB_CONTACT',
    text(null),
    'How people reach those who run the installation: a web address, an email address or a phone number, shown on the pages `/help`, `/feedback` and `/accessibility`.',
  ),
  undoSeconds: setting(
    'WEB_UNDO_SECONDS',
    whole(60, 0, 3600),
    'Seconds between sending a file and its first message, in which it can be stopped.',
  ),
};

/** Throws a ConfigError for settings of the pages that do not fit together. */
export function checkWeb({ brandColour, logoFile, secondStep }: Values<typeof web>, baseUrl: string): void {
  const contrast = 1.05 / (luminance(brandColour) + 0.05);
  if (contrast < 4.5)
    throw new ConfigError(
      `WEB_BRAND_COLOUR must be darker than ${brandColour}: white text on it has a contrast of ${contrast.toFixed(1)}:1, and needs 4.5:1.`,
    );
  if (logoFile !== null && (!/\.(svg|png)$/i.test(logoFile) || !existsSync(logoFile)))
    throw new ConfigError('WEB_LOGO_FILE must be the path of an SVG or PNG file.');
  if (!secondStep && !/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(new URL(baseUrl).hostname))
    throw new ConfigError('WEB_SECOND_STEP=0 is possible only while ADMIN_BASE_URL is on loopback.');
}

/** Relative luminance of `#rrggbb` (WCAG 2.2). */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
