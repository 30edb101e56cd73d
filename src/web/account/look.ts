import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, postForm, radios, select } from '../components/form.ts';
import {
  type Answer,
  type Page,
  type PersonVisit,
  page,
  personPage,
  type Theme,
  themes,
} from '../frame/page.ts';
import { answering, errorAt, type Faults, faultSummary, noFaults } from '../words/faults.ts';

export const themeTexts: Readonly<Record<Theme, string>> = {
  system: 'Same as your device',
  light: 'Light',
  dark: 'Dark',
};

/** A zone by its name, as people read it: America/New York. */
export const zoneText = (zone: string): string => zone.replaceAll('_', ' ');

/** UTC first: it is in no list of zones. */
const zones: readonly string[] = [
  'UTC',
  ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC'),
];

function lookForm({ fields, path }: PersonVisit, zone: string, theme: string, faults: Faults): Answer {
  return page(
    'Time zone and colours',
    html`${faultSummary(faults)}${heading(1, 'Time zone and colours')}${paragraph('They are kept in this browser, for about a year.')}${postForm(
      { action: path, fields },
      select({
        ...{ name: 'zone', label: 'Time zone', error: errorAt(faults, 'zone') },
        items: zones.map((each) => ({
          value: each,
          text: zoneText(each),
          selected: each === zone,
        })),
      }),
      radios({
        ...{ name: 'theme', legend: 'Colours', error: errorAt(faults, 'theme') },
        items: themes.map((each) => ({ value: each, text: themeTexts[each], selected: each === theme })),
      }),
      button({ text: 'Save', preventDoubleClick: true }),
    )}`,
    { ...answering(faults), back: { href: '/account', text: 'Your account' } },
  );
}

const look = personPage('/account/look', {
  get: (visit) => lookForm(visit, visit.zone, visit.theme, noFaults),
  post(visit, form) {
    const zone = form.text('zone');
    const theme = themes.find((each) => each === form.text('theme'));
    const faults: Faults = {
      ...(!zones.includes(zone) && { zone: 'Choose a time zone.' }),
      ...(theme === undefined && { theme: 'Choose one.' }),
    };
    if (theme === undefined || Object.keys(faults).length > 0)
      return lookForm(visit, zone, theme ?? '', faults);
    return { kind: 'redirect', to: '/account', said: 'Saved in this browser.', look: { zone, theme } };
  },
});

export const lookPages: readonly Page[] = [look];
