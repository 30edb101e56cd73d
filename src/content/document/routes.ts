import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Cache } from '../../database/cache.ts';
import { type Db, isUnreachable } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { type Answer, defineRoute } from '../../http/server/define-route.ts';
import { withoutCors } from '../../http/server/request.ts';
import type { Service } from '../../tenant/service/service.ts';
import { parseEmailAddress } from '../recipient/email-address.ts';
import { confirmationCookie, isConfirmed } from './confirmation.ts';
import { contentDisposition } from './filename.ts';
import { type DocumentCipher, documentCipher, equalHashes, parseLink } from './link.ts';
import {
  type DownloadView,
  downloadPage,
  gonePage,
  lockedPage,
  pagePolicy,
  unavailablePage,
} from './page.ts';
import {
  countDownload,
  type Document,
  type DocumentStorage,
  findDocument,
  releaseGuess,
  reserveGuess,
} from './store.ts';

export type DocumentRouteDeps = Readonly<{
  db: Db;
  storage: DocumentStorage;
  cipher: Cipher;
  clock: Clock;
  services: Cache<Service | null>;
  /** DOCUMENT_BASE_URL or null. */
  files: Readonly<{ baseUrl: string | null }>;
}>;

type Link = FastifyRequest<{ Params: { id: string; key: string } }>;
type Opened = Readonly<{ document: Document; lock: DocumentCipher; service: Service; key: string }>;

const page = (description: string): Answer => ({ description, contentType: 'text/html' });
const common = {
  tag: 'Files',
  authentication: 'none',
  params: Type.Object({
    id: Type.String({ description: 'From the link in the message.' }),
    key: Type.String({ description: 'The key of the document, which only the link contains.' }),
  }),
} as const;
const commonAnswers = {
  404: page('There is no such document, or it has expired.'),
  503: page('The database cannot be reached.'),
};

const showDocument = defineRoute({
  ...common,
  method: 'GET',
  path: '/d/:id/:key',
  handlerName: 'document.show_document',
  summary: 'Show the page that a link in a message leads to',
  answers: {
    200: page('The page, with a link to the file or a form that asks for the email address.'),
    ...commonAnswers,
  },
  handler: (deps: DocumentRouteDeps, request, reply) =>
    answer(reply, async () => {
      const opened = await find(deps, request);
      return opened ? sendPage(reply, 200, show(deps, request, opened, null)) : gone(reply);
    }),
});

const confirm = defineRoute({
  ...common,
  method: 'POST',
  path: '/d/:id/:key',
  handlerName: 'document.confirm_email',
  summary: 'Confirm the email address that the file was sent to',
  rawBody: {
    schema: Type.Object({ email_address: Type.String({ format: 'email_address' }) }),
    contentType: 'application/x-www-form-urlencoded',
  },
  // A form with one address.
  bodyLimit: 4096,
  answers: {
    303: { description: 'Redirects to the file, with a cookie that opens it for 15 minutes.' },
    400: page('The address is wrong or malformed; the page says which.'),
    429: page('Ten wrong addresses within an hour; `Retry-After` says when to try again.'),
    ...commonAnswers,
  },
  handler: (deps: DocumentRouteDeps, request, reply) =>
    answer(reply, async () => {
      const { db, cipher, clock } = deps;
      const opened = await find(deps, request);
      if (!opened) return gone(reply);
      const { document, lock, service, key } = opened;
      // Relative, because a proxy may have put a path in front.
      const toFile = () => reply.redirect(`${key}/download`, 303);
      if (document.recipientHash === null) return toFile();
      const entered = readAddress(request.body);
      const address = parseEmailAddress(entered);
      const again = (text: string) => sendPage(reply, 400, show(deps, request, opened, { entered, text }));
      // A malformed address is no guess, so it does not count as a try.
      if (!address.ok) return again(malformedAddress);
      const wait = await reserveGuess(db, document.id, clock.now());
      if (wait !== null)
        return sendPage(reply.header('Retry-After', wait), 429, lockedPage(service.name, wait));
      if (!equalHashes(lock.recipientHash(address.emailAddress.normalised), document.recipientHash))
        return again(wrongAddress);
      await releaseGuess(db, document.id);
      const isSecure = request.protocol === 'https' || isOnSecureHost(deps, request);
      reply.header('Set-Cookie', confirmationCookie(cipher, document.id, clock.now(), isSecure));
      return toFile();
    }),
});

const download = defineRoute({
  ...common,
  // HEAD too: the one that Fastify adds to a GET would answer with a Content-Length of 0.
  method: ['GET', 'HEAD'],
  path: '/d/:id/:key/download',
  handlerName: 'document.download_document',
  summary: 'Download the file',
  answers: {
    200: { description: 'The file, as a download.', contentType: 'application/octet-stream' },
    303: { description: 'Redirects to the page: the address is not confirmed yet.' },
    ...commonAnswers,
  },
  handler: (deps: DocumentRouteDeps, request, reply) =>
    answer(reply, async () => {
      const opened = await find(deps, request);
      if (!opened) return gone(reply);
      const { document, lock, key } = opened;
      if (!mayOpen(deps, request, opened)) return reply.redirect(`../${key}`, 303);
      reply
        .header('Content-Security-Policy', "sandbox; default-src 'none'")
        .header(
          'Content-Disposition',
          contentDisposition(lock.open(document.filename, 'filename').toString()),
        )
        .header('Content-Length', document.size)
        .type(document.contentType);
      if (request.method === 'HEAD') return reply.send();
      const sealed = await deps.storage.open(document.id);
      if (!sealed) return gone(reply);
      const content = lock.open(sealed, 'content');
      await countDownload(deps.db, document.id);
      return reply.send(content);
    }),
});

/** A link that lost its end, or gained a slash, on its way into a browser. */
const brokenLink = defineRoute({
  method: 'GET',
  path: '/d/*',
  authentication: 'none',
  handlerName: 'document.show_document',
  summary: null,
  handler: (_deps: DocumentRouteDeps, _request, reply) => answer(reply, async () => gone(reply)),
});

/**
 * What recipients of files see: a page for each link, a form for their email address if the sender wants it confirmed,
 * and the file. Links can be opened any number of times, so link checkers in mail programs do no harm.
 */
export const documentRoutes = [showDocument, confirm, download, brokenLink];

/** The document of the link and its lock; null for a wrong link and an expired document alike. */
async function find(deps: DocumentRouteDeps, request: Link): Promise<Opened | null> {
  const { id: shortId, key } = request.params;
  const link = parseLink(shortId, key);
  const document = link && (await findDocument(deps.db, link.id, deps.clock.now()));
  if (!document) return null;
  const lock = documentCipher(link);
  if (!equalHashes(lock.proof(), document.proof)) return null;
  const service = await deps.services.get(document.serviceId);
  request.logFields = { serviceId: document.serviceId, documentId: document.id };
  return service && { document, lock, service, key };
}

/** Whether this caller may have the file: by the link alone, or with a confirmed address. */
function mayOpen({ cipher, clock }: DocumentRouteDeps, request: Link, { document }: Opened): boolean {
  return (
    document.recipientHash === null || isConfirmed(cipher, document.id, clock.now(), request.headers.cookie)
  );
}

function show(deps: DocumentRouteDeps, request: Link, opened: Opened, error: DownloadView['error']): string {
  const { document, lock, service, key } = opened;
  const name = mayOpen(deps, request, opened) ? lock.open(document.filename, 'filename').toString() : null;
  return downloadPage({
    serviceName: service.name,
    contactLink: service.contactLink,
    contentType: document.contentType,
    size: document.size,
    expiresAt: document.expiresAt,
    filename: name,
    downloadUrl: `${key}/download`,
    error,
  });
}

/** Whether this is the host of DOCUMENT_BASE_URL, and that begins with `https`, whatever its proxy tells us. */
function isOnSecureHost({ files: { baseUrl } }: DocumentRouteDeps, request: Link): boolean {
  return baseUrl !== null && /^https:/i.test(baseUrl) && new URL(baseUrl).host === request.host.toLowerCase();
}

const malformedAddress = 'Enter an email address in the correct format, like name@example.com';
const wrongAddress = 'This is not the email address that the file was sent to';

function readAddress(body: unknown): string {
  if (!Buffer.isBuffer(body)) return '';
  return new URLSearchParams(body.toString('utf8')).get('email_address') ?? '';
}

/**
 * Sets the headers of every answer about documents; shows a page instead of JSON when the database cannot be reached.
 */
async function answer(reply: FastifyReply, work: () => Promise<FastifyReply>): Promise<FastifyReply> {
  reply.headers({
    'Referrer-Policy': 'no-referrer',
    'X-Robots-Tag': 'noindex, nofollow',
    'X-Frame-Options': 'DENY',
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
  // Other sites may use the API, but not these pages.
  withoutCors(reply);
  try {
    return await work();
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    return sendPage(reply.header('Retry-After', '5'), 503, unavailablePage());
  }
}

function gone(reply: FastifyReply): FastifyReply {
  for (const name of ['Content-Disposition', 'Content-Length']) reply.removeHeader(name);
  return sendPage(reply, 404, gonePage());
}

function sendPage(reply: FastifyReply, status: number, page: string): FastifyReply {
  return reply
    .code(status)
    .header('Content-Security-Policy', pagePolicy)
    .type('text/html; charset=utf-8')
    .send(page);
}
