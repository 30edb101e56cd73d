import { type Html, html } from '../../ground/html.ts';
import { heading, paragraph, table } from '../components/content.ts';

export type Topic = Readonly<{ name: string; title: string; about: string; content: Html; wide?: boolean }>;

const list = (...items: readonly (string | Html)[]) =>
  html`<ul class="govuk-list govuk-list--bullet">${items.map((item) => html`<li>${item}</li>`)}</ul>`;
const example = (text: string) => html`<pre class="app-code" tabindex="0" aria-label="Example">${text}</pre>`;

/** Statuses in the words of lists and downloads (spec 04, section 7.3). */
const statuses: Topic = {
  name: 'statuses',
  title: 'What became of a message',
  about: 'What each status means, whether it mends itself, and what you can do.',
  wide: true,
  content: html`${paragraph('Lists and downloads tell the status of each message in these words.')}${table({
    caption: 'Statuses',
    head: ['Status', 'What it means', 'What you can do'],
    rows: [
      [
        { content: 'Sending', header: true },
        'It is on its way, or waits for a report of whether it arrived.',
        'Nothing. Most texts are reported within minutes; after 72 hours without a report they count as failed.',
      ],
      [
        { content: 'Delivered', header: true },
        'The phone or the mailbox has it. Nobody knows whether it was read.',
        'Nothing.',
      ],
      [
        { content: 'Sent internationally', header: true },
        'A network abroad took it. Many of them report nothing more.',
        'Nothing.',
      ],
      [
        { content: html`Phone number doesn’t exist<br>Email address doesn’t exist`, header: true },
        'It can never arrive there.',
        'Ask for another number or address. Sending again does not help.',
      ],
      [
        {
          content: html`Phone not accepting messages right now<br>Inbox not accepting messages right now`,
          header: true,
        },
        'The phone was off for days, or the mailbox is full.',
        'Send it again later.',
      ],
      [
        { content: 'Technical failure', header: true },
        'It could not be handed over, which is no fault of the recipient.',
        'Send it again. If many fail, tell those who run this installation.',
      ],
      [
        { content: 'Cancelled', header: true },
        'Somebody cancelled it before it was sent.',
        'Send it again if that was a mistake.',
      ],
    ],
  })}${paragraph('The page of a message says more: why, whether it is tried again and when, and every step on its way.')}`,
};

const formatting: Topic = {
  name: 'formatting',
  title: 'How to write templates',
  about: 'Placeholders, text that only some people get, headings, lists and links.',
  content: html`${heading(2, 'Placeholders')}${paragraph('Two brackets around a name are filled in for each recipient:')}${example('Dear ((name)), your book is due on ((date)).')}${heading(2, 'Text that only some get')}${paragraph('Text after two question marks is shown if the value is yes:')}${example('((late??Please bring it back soon.))')}${heading(2, 'Emails')}${paragraph('Each of these begins a line of its own:')}${list(
    html`<code># </code>a heading`,
    html`<code>* </code>an item of a list with points`,
    html`<code>1. </code>an item of a list with numbers`,
    html`<code>^ </code>a paragraph that stands out`,
    html`<code>---</code> a line across`,
    html`<code>[text](https://…)</code> a link, anywhere in a line`,
  )}${heading(2, 'Text messages')}${paragraph('They have no formatting. Up to 160 characters are one message; longer texts are sent in parts of 153, and each part costs. A single character outside the usual ones, such as ŵ, makes that 70 and 67. The editor tells you while you type.')}`,
};

const files: Topic = {
  name: 'files',
  title: 'How to send to many people',
  about: 'What a file of recipients looks like, and what happens with its faults.',
  content: html`${paragraph('Save a spreadsheet as CSV, TSV, XLSX or ODS: at most 10 MiB and 100,000 rows.')}${list(
    'The first row names the columns: phone number or email address, and each placeholder of the template. Capitals, spaces, dashes and underscores do not matter.',
    'Each further row is one message.',
    'A placeholder that becomes a list has several columns of the same name.',
  )}${example('phone number,name,date\n07700 900 123,Rowan,4 May')}${heading(2, 'Faults')}${paragraph('The page shows every row with a fault. You can mend it there, leave it out, or take the faulty rows as a file and send them later.')}${heading(2, 'Leading zeros')}${paragraph('Spreadsheets may drop the 0 at the beginning of phone numbers. UK numbers without it are understood all the same.')}`,
};

const trial: Topic = {
  name: 'trial',
  title: 'A service in trial',
  about: 'What it can do, and how it goes live.',
  content: html`${paragraph('A new service begins in trial:')}${list(
    'It sends only to the people in its team, and to the numbers and addresses on its guest list.',
    'It sends at most 50 messages a day.',
    'Everything else works as it does later.',
  )}${paragraph('When you are ready, ask to go live on the page Settings. The operators of the platform look at it, and everybody in the team gets an email once it is live.')}`,
};

/** Short texts on what people ask most. */
export const topics: readonly Topic[] = [statuses, formatting, files, trial];
