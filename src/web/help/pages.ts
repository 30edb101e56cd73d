import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';
import { link } from '../components/navigation.ts';
import { Missing, openPage, type Page, page, type Site } from '../frame/page.ts';
import { knownFaults, lastChecked } from './accessibility.ts';
import { topics } from './topics.ts';

/** How those who run the installation are reached (WEB_CONTACT). */
function contactOf({ contact }: Site): Html {
  if (contact === null)
    return html`Ask the people who gave you the address of these pages, or who invited you: they know who runs this installation.`;
  if (/^https?:\/\//.test(contact))
    return html`The people who run this installation are reached at ${link(contact, contact)}.`;
  if (contact.includes('@'))
    return html`Write to the people who run this installation: ${link(`mailto:${contact}`, contact)}.`;
  return html`The people who run this installation are reached at ${contact}.`;
}

const help = openPage('/help', {
  get: ({ site }) =>
    page(
      'Help',
      html`${heading(1, 'Help')}<ul class="govuk-list govuk-list--spaced">${topics.map(
        ({ name, title, about }) => html`<li>${link(`/help/${name}`, title)}<br>${about}</li>`,
      )}</ul>${heading(2, 'For developers')}${paragraph(
        html`Read ${link(`${site.apiUrl}/docs`, 'the reference of the API')}: every request, and what it answers.`,
      )}${heading(2, 'If nothing here helps')}${paragraph(contactOf(site))}`,
    ),
});

const topic = openPage('/help/:topic', {
  get({ params }) {
    const found = topics.find(({ name }) => name === params['topic']);
    if (!found) throw new Missing('No such topic');
    return page(found.title, html`${heading(1, found.title)}${found.content}`, {
      back: { href: '/help', text: 'Help' },
      wide: found.wide ?? false,
    });
  },
});

/** The statement that law asks of public bodies (spec 07, section 11). */
const accessibility = openPage('/accessibility', {
  get: ({ site }) =>
    page(
      'Accessibility statement',
      html`${heading(1, 'Accessibility statement')}${paragraph(
        `These pages are meant to be usable by everybody: with a keyboard alone, with a screen reader, enlarged to 400%, in light and dark colours, and without script.`,
      )}${heading(2, 'How accessible they are')}${paragraph(
        knownFaults.length === 0
          ? 'They meet the Web Content Accessibility Guidelines 2.2 at level AA, as far as we know.'
          : 'They meet the Web Content Accessibility Guidelines 2.2 at level AA, except for the faults below.',
      )}${table({
        caption: 'Known faults',
        head: ['Where', 'What', 'Instead', 'Guideline'],
        rows: knownFaults.map(({ where, what, instead, criterion }) => [
          { content: where, header: true },
          what,
          instead,
          criterion,
        ]),
        empty: 'No faults are known.',
      })}${heading(2, 'How this was found out')}${paragraph(
        `Every page is looked at by a machine at every change of the product, in light and dark, on a wide screen and a phone. The last check was on ${lastChecked}. No expert has audited them from outside yet.`,
      )}${heading(2, 'Tell us what is hard')}${paragraph(contactOf(site))}${paragraph(
        'In the United Kingdom, if you are not content with the answer, the Equality Advisory and Support Service can help.',
      )}`,
    ),
});

/** Mails of the platform lead here (spec 04, section 4.2). */
const feedback = openPage('/feedback', {
  get: ({ site }) =>
    page(
      'Get in touch',
      html`${heading(1, 'Get in touch')}${paragraph(contactOf(site))}${heading(2, 'If you got an email that you did not ask for')}${paragraph(
        'Somebody typed your address into these pages, perhaps by mistake. As long as you do not open its link, nothing happens.',
      )}${paragraph(html`If you think that somebody else uses your account, ${link('/forgot-password', 'choose a new password')}: it signs everybody else out.`)}${paragraph(html`Many questions are answered under ${link('/help', 'help')}.`)}`,
    ),
});

export const helpPages: readonly Page[] = [help, topic, accessibility, feedback];
