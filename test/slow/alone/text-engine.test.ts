/**
 * Properties of everything that turns text into messages, on generated texts. `SEED` repeats a run, `RUNS` changes the
 * number of texts for each property.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { clean, keyOf } from '../../../src/content/recipient/characters.ts';
import { readCsv, surveyCsv } from '../../../src/content/recipient/csv/file.ts';
import {
  compileEmail,
  emailBody,
  emailHtmlBody,
  emailPreheader,
  emailSubject,
  emailTitle,
  renderEmail,
} from '../../../src/content/template/email.ts';
import { normaliseKey, personalisationOf } from '../../../src/content/template/personalisation.ts';
import { missingPlaceholders } from '../../../src/content/template/placeholder.ts';
import {
  compileSms,
  countExtensionCharacters,
  downgradeToAscii,
  downgradeToSms,
  previewSms,
  renderSms,
} from '../../../src/content/template/sms.ts';
import { escapeHtml } from '../../../src/content/template/text/escape.ts';
import {
  normaliseLines,
  normaliseWhiteSpace,
  squeezeNewlines,
  trim,
  trimBeforePunctuation,
} from '../../../src/content/template/text/whitespace.ts';
import { anyContent, anyCsv, anyPersonalisation, oddPieces, word } from '../../support/text-generator.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const numRuns = Number(process.env['RUNS'] ?? 5_000);
const options = { seed, numRuns };

/** Everything that is made of one template and its values. */
function rendered(subject: string, content: string, values: Readonly<Record<string, unknown>>) {
  const personalisation = personalisationOf(values);
  const email = compileEmail(subject, content);
  const sms = compileSms(content);
  return {
    ...renderEmail(email, personalisation, { unsubscribeLink: 'https://e.com/u' }),
    body: emailBody(email, personalisation),
    bodyHtml: emailHtmlBody(email, personalisation),
    preheader: emailPreheader(email, personalisation),
    title: emailTitle(email, personalisation),
    sms: renderSms(sms, personalisation, 'Harbour'),
    preview: previewSms(sms, personalisation),
  };
}

const voidElements = new Set(['br', 'hr']);

function assertBalanced(html: string): void {
  const open: string[] = [];
  for (const [tag, slash, name] of html.matchAll(/<(\/?)([a-z0-9]+)[^<>]*>/g)) {
    if (slash === '/') assert.equal(open.pop(), name, `${tag} in ${html}`);
    else if (!voidElements.has(name!)) open.push(name!);
  }
  assert.deepEqual(open, [], html);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are white space or line ends too
const offOneLine = /^ | $| {2}|[\t-\r\x1c-\x1f\x85\u2028\u2029]/;

describe(`on generated texts, seed ${seed}`, () => {
  test('rendering never throws, and gives the same each time', () => {
    fc.assert(
      fc.property(anyContent, anyContent, anyPersonalisation, (subject, content, values) => {
        assert.deepEqual(rendered(subject, content, values), rendered(subject, content, values));
      }),
      options,
    );
  });

  test('the HTML of an email that can be sent, and of a preview, is balanced', () => {
    fc.assert(
      fc.property(anyContent, anyContent, anyPersonalisation, (subject, content, some) => {
        const values: Record<string, unknown> = { ...some };
        const { placeholders } = compileEmail(subject, content);
        for (const name of missingPlaceholders(placeholders, personalisationOf(values))) values[name] = 'x';
        const { bodyHtml, preview, title } = rendered(subject, content, values);
        for (const html of [bodyHtml, preview, title]) assertBalanced(html);
      }),
      options,
    );
  });

  test('a value is never read as a placeholder, whatever surrounds it', () => {
    fc.assert(
      fc.property(anyContent, anyContent, anyContent, (before, inside, after) => {
        const values = { name: `((secret))${inside}((secret??yes))(((`, secret: 'secretword' };
        const content = `${before}((name))((name))${after}`;
        assert.doesNotMatch(JSON.stringify(rendered(content, content, values)), /secretword/);
      }),
      options,
    );
  });

  test('every word of a value is in the text, the HTML and the text message', () => {
    const around = fc.constantFrom(
      ...[
        '((name))',
        'Dear ((name)),',
        '# ((name))',
        '* ((name))\n* b',
        '1. ((name))',
        '^ ((name))',
        'a\n((name))',
      ],
      ...['"((name))"', '[((name))](https://e.com)', '**((name))**', 'a - ((name)) - b', '&lt;((name))&gt;'],
    );
    fc.assert(
      fc.property(
        fc.array(around, { minLength: 1, maxLength: 6 }),
        fc.array(word, { minLength: 1 }),
        (parts, words) => {
          const { text, bodyHtml, sms, subject } = rendered('((name))', parts.join('\n\n'), {
            name: words.join(' '),
          });
          for (const each of words)
            for (const output of [text, bodyHtml, sms.text, subject]) {
              const found = output.split(/[^a-z]+/).filter((other) => other === each).length;
              const wanted = output === subject ? 1 : parts.length;
              assert.ok(found >= wanted, `${each} in ${output}`);
            }
        },
      ),
      options,
    );
  });

  test('a subject is on one line, without white space at its ends', () => {
    fc.assert(
      fc.property(anyContent, anyPersonalisation, (content, values) => {
        const email = compileEmail(content, '');
        for (const subject of [emailSubject, emailTitle].map((make) =>
          make(email, personalisationOf(values)),
        ))
          assert.doesNotMatch(subject, offOneLine);
      }),
      options,
    );
  });

  test('quotes around words and links come in pairs', () => {
    const phrase = fc.oneof(
      word,
      fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => `"${words.join(' ')}"`),
      word.map((path) => `"https://e.com/${path}"`),
      word.map((label) => `"[${label}](https://e.com)"`),
    );
    // Not at the start of a paragraph, where a quote before a link follows the paragraph before (spec 02, section 3.7),
    // and not with signs that belong to an address (spec 02, section 6.4).
    const sentence = fc
      .tuple(word, fc.array(phrase, { maxLength: 8 }), fc.constantFrom('', '.', ',', ':'))
      .map(([first, phrases, end]) => `${[first, ...phrases].join(' ')}${end}`);
    fc.assert(
      fc.property(fc.array(sentence, { minLength: 1, maxLength: 5 }), (sentences) => {
        const { text, bodyHtml } = rendered('', sentences.join('\n\n'), {});
        for (const output of [text, bodyHtml.replace(/<[^>]*>/g, '')]) {
          assert.doesNotMatch(output, /"/);
          assert.match(output.replace(/[^“”]/g, ''), /^(?:“”)*$/, output);
        }
      }),
      options,
    );
  });

  const normalisations: Readonly<Record<string, (text: string) => string>> = {
    clean,
    keyOf,
    normaliseKey,
    trim,
    normaliseLines,
    normaliseWhiteSpace,
    squeezeNewlines,
    trimBeforePunctuation,
    downgradeToSms,
    downgradeToAscii,
    escapeHtml,
  };
  for (const [name, normalise] of Object.entries(normalisations))
    test(`what is normalised does not change when it is normalised again: ${name}`, () => {
      fc.assert(
        fc.property(anyContent, (text) => assert.equal(normalise(normalise(text)), normalise(text))),
        options,
      );
    });

  test('the fragments of a text message follow from its text and encoding', () => {
    fc.assert(
      fc.property(anyContent, anyPersonalisation, fc.nat(12), (content, values, times) => {
        const sms = compileSms(content.repeat(times));
        const { text, characters, encoding, fragments } = renderSms(
          sms,
          personalisationOf({ ...values, z: 1 }),
        );
        assert.equal(characters, text.length);
        const size = encoding === 'ucs-2' ? characters : characters + countExtensionCharacters(text);
        const [single, part] = encoding === 'ucs-2' ? [70, 67] : [160, 153];
        assert.equal(fragments, size <= single! ? 1 : Math.ceil(size / part!));
        assert.equal(downgradeToSms(text), text);
      }),
      options,
    );
  });

  test('a file of recipients reads back as it was written, in every encoding and with every separator', async () => {
    async function* source(bytes: Buffer) {
      yield bytes;
    }
    await fc.assert(
      fc.asyncProperty(anyCsv, async ({ bytes, header, rows }) => {
        const survey = await surveyCsv(source(bytes), { expected: ['phone number', 'first name', 'time'] });
        assert.ok(survey.ok);
        assert.equal(survey.form.unclosedQuote, null);
        const read: (readonly string[])[] = [];
        for await (const { cells } of readCsv(source(bytes), survey.form)) read.push(cells);
        assert.deepEqual([survey.form.header.cells, read], [header, rows]);
      }),
      { ...options, numRuns: Math.ceil(numRuns / 10) },
    );
  });
});

/** Milliseconds of processor time that `run` takes, the best of `times`. */
function best(run: () => void, times = 3): number {
  const taken = Array.from({ length: times }, () => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...taken);
}

test('a text of twice the length takes at most three times as long', () => {
  const shapes = fc.sample(
    fc.array(fc.constantFrom(...oddPieces, '((name))', '((', 'a'), { minLength: 1, maxLength: 3 }),
    {
      seed,
      numRuns: Math.min(numRuns, 60),
    },
  );
  for (const shape of [...oddPieces.map((piece) => [piece]), ...shapes]) {
    const unit = shape.join('');
    const run = (characters: number) => () =>
      rendered('((name))', unit.repeat(Math.ceil(characters / unit.length)), { name: unit });
    // What is not linear takes far longer than this.
    if (best(run(40_000), 1) < 200) continue;
    const ratios: number[] = [];
    // A busy machine can make one measurement slow, but not three in a row.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const [once, twice] = [best(run(40_000)), best(run(80_000))];
      ratios.push(twice / once);
      if (ratios.at(-1)! <= 3) break;
    }
    assert.ok(ratios.at(-1)! <= 3, `${JSON.stringify(unit)}: ${ratios.join(', ')}, seed ${seed}`);
  }
});
