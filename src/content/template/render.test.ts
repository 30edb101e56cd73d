import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { parseLossless } from '../../ground/json.ts';
import { Problem } from '../../ground/problem.ts';
import { personalisationOf } from './personalisation.ts';
import { startRenderThreads } from './render-threads.ts';
import { type Content, compileContent, createRender, renderings } from './template.ts';

const email = (subject: string, content: string) =>
  compileContent('email', subject, content) as Extract<Content, { type: 'email' }>;
const sms = (content: string) => compileContent('sms', null, content) as Extract<Content, { type: 'sms' }>;

describe('rendering', () => {
  let threads: ReturnType<typeof startRenderThreads>;
  let used = 0;
  let render: ReturnType<typeof createRender>;
  before(() => {
    threads = startRenderThreads();
    render = createRender({
      render(task) {
        used += 1;
        return threads.render(task);
      },
    });
  });
  after(() => threads.close());

  test('a large message is rendered in another thread, with the same result', async () => {
    const text = '# Tides\n\n* high ((time))\n* low\n\n"Zoë" said https://example.com/a?b=c.\n\n'.repeat(800);
    const json = `{"text":${JSON.stringify(text)},"2":"two","1":"one","cost":1.50,"list":["a","b"]}`;
    const values = personalisationOf(parseLossless(json) as Record<string, unknown>);
    const template = email('((1)) ((2))', '((text))\n\n((cost)) ((list))');
    for (const given of [values, json]) {
      used = 0;
      assert.deepEqual(await render('email', template, given, {}), renderings.email(template, values, {}));
      assert.deepEqual(
        await render('draft', template, given, null),
        renderings.draft(template, values, null),
      );
      assert.deepEqual(await render('show', template, given, null), renderings.show(template, values, null));
      assert.deepEqual(
        await render('preview', template, given, null),
        renderings.preview(template, values, null),
      );
      assert.deepEqual(
        await render('sanitise', template, given, ['text', 'list']),
        renderings.sanitise(template, values, ['text', 'list']),
      );
      const message = sms('((text)) ((2))');
      assert.deepEqual(
        await render('sms', message, given, 'Harbour'),
        renderings.sms(message, values, 'Harbour'),
      );
      assert.equal(used, 6);
    }
  });

  test('a small message is rendered at once', async () => {
    used = 0;
    const values = personalisationOf({ name: 'Rowan' });
    assert.equal((await render('sms', sms('Hi ((name))'), values, null)).text, 'Hi Rowan');
    assert.equal((await render('show', email('s', 'Hi ((name))'), '{"name":"Kim"}', null)).body, 'Hi Kim');
    assert.equal(used, 0);
  });

  test('a message that grows beyond what providers take is refused with a sentence, however it grows', async () => {
    const formatted = 'Your message is too long: formatted as an email, it is larger than 10000000 bytes.';
    const filledIn = 'Your message is too long: filled in, it has more than 16000000 characters.';
    const long = (piece: string, length: number) => piece.repeat(length / piece.length);
    const table: [string, string, number, string][] = [
      ['nested lists', '******a\n', 1_900_000, formatted],
      ['lists', '* a\n', 1_900_000, formatted],
      ['numbered lists', '1. a\n', 1_900_000, formatted],
      ['paragraphs', 'a\n\n', 1_900_000, formatted],
      ['headings', '# a\n\n', 1_900_000, formatted],
      ['insets', '^ a\n\n', 1_900_000, formatted],
      ['rules', '---\n\n', 1_900_000, formatted],
      ['links', 'http://a.bc ', 1_900_000, formatted],
    ];
    for (const [name, piece, length, sentence] of table)
      for (const rendering of name === 'lists'
        ? (['draft', 'email', 'preview'] as const)
        : (['draft'] as const))
        await assert.rejects(
          async () =>
            render(
              rendering,
              email('Tides', '((text))'),
              JSON.stringify({ text: long(piece, length) }),
              {} as never,
            ),
          (error) => error instanceof Problem && error.status === 400 && error.message === sentence,
          `${name}, ${rendering}`,
        );
    const repeated = '((text))'.repeat(40);
    for (const content of [email('Tides', repeated), email(repeated, 'Tides')])
      for (const rendering of ['draft', 'email', 'show', 'preview'] as const)
        await assert.rejects(
          async () =>
            render(rendering, content, JSON.stringify({ text: long('tide ', 14_000_000) }), {} as never),
          (error) => error instanceof Problem && error.message === filledIn,
          rendering,
        );
    await assert.rejects(
      async () => render('sms', sms(repeated), JSON.stringify({ text: long('tide ', 14_000_000) }), null),
      (error) => error instanceof Problem && error.message === filledIn,
    );
  });

  test('an ordinary email of almost two megabytes is accepted', async () => {
    const paragraph = `${'The tide turns at noon, and the boats go out. '.repeat(4)}\n\n`;
    const text = paragraph.repeat(1_900_000 / paragraph.length);
    const { bytes } = await render('draft', email('Tides', '((text))'), JSON.stringify({ text }), null);
    assert.ok(bytes > 1_800_000);
  });
});
