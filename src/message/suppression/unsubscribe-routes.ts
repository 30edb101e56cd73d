import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { page, pagePolicy } from '../../content/document/page.ts';
import { type Db, isUnreachable } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { html } from '../../ground/html.ts';
import { type Answer, defineRoute } from '../../http/server/define-route.ts';
import { plainError } from '../../http/server/error-format.ts';
import { readUnsubscribeLink } from './link.ts';
import { addSuppression, findEmail } from './store.ts';

export type UnsubscribeRouteDeps = Readonly<{ db: Db; cipher: Cipher; clock: Clock }>;

type Link = FastifyRequest<{ Params: { notification_id: string; token: string } }>;

/** What a link leads to, or why it leads nowhere. */
type Opened =
  | Readonly<{ id: string; recipient: string; email: NonNullable<Awaited<ReturnType<typeof findEmail>>> }>
  | 'not valid'
  | 'unknown';

const common = {
  path: '/unsubscribe/:notification_id/:token',
  tag: 'Suppressions',
  authentication: 'none',
  sameOrigin: true,
  params: Type.Object({
    notification_id: Type.String({ description: 'From the link in the email.' }),
    token: Type.String({ description: 'Says who unsubscribes, encrypted; valid for a year.' }),
  }),
} as const;
const showsPage: Answer = { description: 'The page.', contentType: 'text/html' };

const ask = defineRoute({
  ...common,
  method: 'GET',
  handlerName: 'unsubscribe.show_unsubscribe',
  summary: 'Show the page that the link in an email leads to',
  description: 'Changes nothing, because mail programs open links by themselves. The page has a button.',
  answers: { 200: showsPage, 404: { ...showsPage, description: 'The link is not valid.' } },
  handler: (deps: UnsubscribeRouteDeps, request, reply) =>
    withPages(reply, async () => {
      const opened = await open(deps, request);
      return typeof opened === 'string'
        ? sendPage(reply, 404, gonePage())
        : sendPage(reply, 200, askPage(opened.email.serviceName));
    }),
});

const unsubscribe = defineRoute({
  ...common,
  method: 'POST',
  handlerName: 'unsubscribe.one_click_unsubscribe',
  summary: 'Unsubscribe the recipient of an email',
  description:
    'For mail programs (`List-Unsubscribe`, RFC 8058) and the page of the link. The service sends the recipient no more emails that have an unsubscribe link. Repeating it changes nothing.',
  rawBody: {
    schema: Type.Object({ 'List-Unsubscribe': Type.Optional(Type.Literal('One-Click')) }),
    contentType: 'application/x-www-form-urlencoded',
  },
  bodyLimit: 4096,
  answers: {
    200: {
      description: 'Unsubscribed. The form of the page is answered with a page.',
      schema: Type.Object({ result: Type.Literal('success'), message: Type.String() }),
      example: { result: 'success', message: 'Unsubscribe successful' },
    },
    404: {
      description: 'The token is not valid or older than a year, or the message is unknown.',
      example: {
        result: 'error',
        message: { 'unsubscribe request': 'This is not a valid unsubscribe link.' },
      },
    },
  },
  handler: (deps: UnsubscribeRouteDeps, request, reply) => {
    if (isFromPage(request.body))
      return withPages(reply, async () => {
        const opened = await open(deps, request);
        if (typeof opened === 'string') return sendPage(reply, 404, gonePage());
        await record(deps, opened);
        return sendPage(reply, 200, donePage(opened.email.serviceName));
      });
    return oneClick(deps, request, reply);
  },
});

/** Unsubscribing (spec 01, section 1.6). */
export const unsubscribeRoutes = [ask, unsubscribe];

async function oneClick(deps: UnsubscribeRouteDeps, request: Link, reply: FastifyReply) {
  const opened = await open(deps, request);
  if (typeof opened !== 'string') {
    await record(deps, opened);
    return { result: 'success', message: 'Unsubscribe successful' };
  }
  const text =
    opened === 'not valid'
      ? 'This is not a valid unsubscribe link.'
      : 'This unsubscribe link is invalid or expired.';
  return reply
    .code(404)
    .type('application/json')
    .send(plainError({ 'unsubscribe request': text }));
}

async function open({ db, cipher, clock }: UnsubscribeRouteDeps, request: Link): Promise<Opened> {
  const { notification_id: id, token } = request.params;
  const link = readUnsubscribeLink(cipher, id, token, clock.now());
  if (!link) return 'not valid';
  const email = await findEmail(db, link.id);
  if (!email) return 'unknown';
  request.logFields = { serviceId: email.serviceId, notificationId: link.id };
  return { ...link, email };
}

/** Messages of test keys reach nobody, so their links unsubscribe nobody. */
async function record(
  { db, clock }: UnsubscribeRouteDeps,
  { id, recipient, email }: Exclude<Opened, string>,
): Promise<void> {
  if (email.keyType === 'test') return;
  const { serviceId } = email;
  const reason = 'unsubscribed';
  const at = new Date(clock.now());
  await addSuppression(db, { serviceId, type: 'email', recipient, reason, notificationId: id }, at);
}

/** The name of the page's button, which mail programs do not send. */
const buttonName = 'from-page';

function isFromPage(body: unknown): boolean {
  return Buffer.isBuffer(body) && new URLSearchParams(body.toString('utf8')).has(buttonName);
}

function askPage(serviceName: string): string {
  return page(
    `Unsubscribe – ${serviceName}`,
    serviceName,
    html`<h1>Unsubscribe from these emails</h1>
<p>${serviceName} will stop sending you emails that you can unsubscribe from. You may still get emails about things that you ask for, such as security codes.</p>
<form method="post"><button name="${buttonName}" value="1">Unsubscribe</button></form>`,
  );
}

function donePage(serviceName: string): string {
  return page(
    `You have unsubscribed – ${serviceName}`,
    serviceName,
    html`<h1>You have unsubscribed</h1>
<p>${serviceName} will not send you any more of these emails. An email that is already on its way may still arrive.</p>`,
  );
}

function gonePage(): string {
  return page(
    'This link is not valid',
    null,
    html`<h1>This link is not valid</h1>
<p>The link may be incomplete, or older than a year. If you copied it, check that you copied all of it.</p>
<p>Otherwise, use the link in a more recent email, or ask whoever sent it to take you off their list.</p>`,
  );
}

function unavailablePage(): string {
  return page(
    'Sorry, there is a problem',
    null,
    html`<h1>Sorry, there is a problem</h1>
<p>You have not been unsubscribed yet. Try again in a few minutes.</p>`,
  );
}

/** Shows a page instead of JSON when the database cannot be reached. */
async function withPages(reply: FastifyReply, work: () => Promise<FastifyReply>): Promise<FastifyReply> {
  try {
    return await work();
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return sendPage(reply.header('Retry-After', '5'), 503, unavailablePage());
  }
}

function sendPage(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply
    .code(status)
    .headers({
      'Content-Security-Policy': pagePolicy,
      'Referrer-Policy': 'no-referrer',
      'X-Robots-Tag': 'noindex, nofollow',
      'X-Frame-Options': 'DENY',
    })
    .type('text/html; charset=utf-8')
    .send(text);
}
