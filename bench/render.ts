import { compileEmail, emailHtmlBody, emailPlainText, renderEmail } from '../src/content/template/email.ts';
import { personalisationOf } from '../src/content/template/personalisation.ts';
import { compileSms, renderSms } from '../src/content/template/sms.ts';
import type { Harness } from './harness.ts';
import { median, type Outcome, type Scenario, type Settings } from './scenario.ts';

/** Only rendering, as requests and workers do it: a template version is parsed once and filled in for every message. */
export const render: Scenario = {
  name: 'render',
  summary: 'microseconds to render a typical text and a typical email',
  run: measureRender,
};

const text = compileSms(
  'Hello ((name)), your appointment with ((doctor)) is on ((date)) at ((time)). To change it call ((phone)) or reply to this message.((parking?? There is no parking at the clinic today.))',
);
const email = compileEmail(
  '((name)), your appointment on ((date))',
  `Hello ((name)),

your appointment with ((doctor)) is on ((date)) at ((time)).

# What to bring

* this email
* a list of what you take
* ((items))

^ Please come ten minutes early.

If you cannot come, tell us at https://clinic.example/appointments or call ((phone)).

((parking??There is no parking at the clinic today.))

---

The clinic
`,
);
const values = personalisationOf({
  name: 'Rowan',
  doctor: 'Dr Ash',
  date: '4 May',
  time: '14:05',
  phone: '020 7946 0123',
  items: ['your card', 'your glasses'],
  parking: 'yes',
});

async function measureRender(_harness: Harness, { seconds }: Settings): Promise<Outcome> {
  const figure = (key: string, meaning: string, work: () => unknown, target: number) => ({
    key,
    meaning,
    value: microseconds(work, seconds),
    unit: 'µs',
    target: { under: target },
  });
  return {
    faults: [],
    figures: [
      figure('sms_us', 'a text message with its fragments', () => renderSms(text, values, 'The Clinic'), 20),
      figure('email_plain_us', 'the plain body of an email', () => emailPlainText(email, values), 50),
      figure('email_html_us', 'its HTML body', () => emailHtmlBody(email, values), 300),
      figure('email_us', 'the whole email: subject, text and HTML', () => renderEmail(email, values), 400),
    ],
  };
}

const batchSize = 200;

/** The median over batches, so that other load on the machine matters little. */
function microseconds(work: () => unknown, seconds: number): number {
  for (let round = 0; round < 2000; round++) work();
  const taken: number[] = [];
  const until = performance.now() + (seconds * 1000) / 4;
  while (performance.now() < until) {
    const started = performance.now();
    for (let round = 0; round < batchSize; round++) work();
    taken.push(((performance.now() - started) * 1000) / batchSize);
  }
  return median(taken);
}
