import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Cache } from '../../database/cache.ts';
import { type Db, isUnreachable } from '../../database/connection.ts';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import type { Answer, Description } from '../../http/openapi/describe.ts';
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
}>;

type Params = { Params: { id: string; key: string } };
type Opened = Readonly<{ document: Document; lock: DocumentCipher; service: Service; key: string }>;

/**
 * What recipients of files see: a page for each link, the question for their address where the sender wants it, and the
 * file. Looking uses nothing up: programs that check the links of a message may come first and as often as they like.
 */
export function documentRoutes(app: FastifyInstance, deps: DocumentRouteDeps): void {
  const { db, storage, cipher, clock, services } = deps;

  /** The document of the link and its lock; null for a wrong link and an expired document alike. */
  async function find(request: FastifyRequest<Params>): Promise<Opened | null> {
    const { id: shortId, key } = request.params;
    const link = parseLink(shortId, key);
    const document = link && (await findDocument(db, link.id, clock.now()));
    if (!document) return null;
    const lock = documentCipher(link);
    if (!equalHashes(lock.proof(), document.proof)) return null;
    const service = await services.get(document.serviceId);
    request.logFields = { serviceId: document.serviceId, documentId: document.id };
    return service && { document, lock, service, key };
  }

  /** Whether this caller may have the file: by the link alone, or with a confirmed address. */
  const mayOpen = (request: FastifyRequest, { document }: Opened) =>
    document.recipientHash === null || isConfirmed(cipher, document.id, clock.now(), request.headers.cookie);

  function show(request: FastifyRequest, opened: Opened, error: DownloadView['error']): string {
    const { document, lock, service, key } = opened;
    const name = mayOpen(request, opened) ? lock.open(document.filename, 'filename').toString() : null;
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

  app.get<Params>(
    '/d/:id/:key',
    { config: { handler: 'document.show_document', describe: description.show } },
    (request, reply) =>
      answer(reply, async () => {
        const opened = await find(request);
        return opened ? sendPage(reply, 200, show(request, opened, null)) : gone(reply);
      }),
  );

  app.post<Params>(
    '/d/:id/:key',
    { config: { handler: 'document.confirm_email', describe: description.confirm } },
    (request, reply) =>
      answer(reply, async () => {
        const opened = await find(request);
        if (!opened) return gone(reply);
        const { document, lock, service, key } = opened;
        // Relative, for a proxy may have put a path in front.
        const toFile = () => reply.redirect(`${key}/download`, 303);
        if (document.recipientHash === null) return toFile();
        const entered = readAddress(request.body);
        const address = parseEmailAddress(entered);
        const again = (text: string) => sendPage(reply, 400, show(request, opened, { entered, text }));
        // It can be nobody's, so it is no try either.
        if (!address.ok) return again(malformedAddress);
        const wait = await reserveGuess(db, document.id, clock.now());
        if (wait !== null)
          return sendPage(reply.header('Retry-After', wait), 429, lockedPage(service.name, wait));
        if (!equalHashes(lock.recipientHash(address.emailAddress.normalised), document.recipientHash))
          return again(wrongAddress);
        await releaseGuess(db, document.id);
        const isSecure = request.protocol === 'https';
        reply.header('Set-Cookie', confirmationCookie(cipher, document.id, clock.now(), isSecure));
        return toFile();
      }),
  );

  app.route<Params>({
    method: ['GET', 'HEAD'],
    url: '/d/:id/:key/download',
    config: { handler: 'document.download_document', describe: description.download },
    handler: (request, reply) =>
      answer(reply, async () => {
        const opened = await find(request);
        if (!opened) return gone(reply);
        const { document, lock, key } = opened;
        if (!mayOpen(request, opened)) return reply.redirect(`../${key}`, 303);
        reply
          .header('Content-Security-Policy', "sandbox; default-src 'none'")
          .header(
            'Content-Disposition',
            contentDisposition(lock.open(document.filename, 'filename').toString()),
          )
          .header('Content-Length', document.size)
          .type(document.contentType);
        if (request.method === 'HEAD') return reply.send();
        const sealed = await storage.open(document.id);
        if (!sealed) return gone(reply);
        const content = lock.open(sealed, 'content');
        await countDownload(db, document.id);
        return reply.send(content);
      }),
  });

  // A link that lost its end, or got a slash too many, on its way into a browser.
  app.get('/d/*', { config: { handler: 'document.show_document' } }, (_request, reply) =>
    answer(reply, async () => gone(reply)),
  );
}

const malformedAddress = 'Enter an email address in the correct format, like name@example.com';
const wrongAddress = 'This is not the email address that the file was sent to';
/** Of a form with one address. */
const longestForm = 4096;

function readAddress(body: unknown): string {
  if (!Buffer.isBuffer(body) || body.length > longestForm) return '';
  return new URLSearchParams(body.toString('utf8')).get('email_address') ?? '';
}

/** The headers of every answer about documents, and a page instead of JSON when the database is away. */
async function answer(reply: FastifyReply, work: () => Promise<FastifyReply>): Promise<FastifyReply> {
  reply.headers({
    'Referrer-Policy': 'no-referrer',
    'X-Robots-Tag': 'noindex, nofollow',
    'X-Frame-Options': 'DENY',
    'Cross-Origin-Resource-Policy': 'same-origin',
  });
  // What other sites may do with the API is not for these pages.
  for (const name of ['Origin', 'Headers', 'Methods']) reply.removeHeader(`Access-Control-Allow-${name}`);
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

const page = (description: string): Answer => ({ description, contentType: 'text/html' });
const description = {
  show: describe('The page that the link in a message leads to', {
    200: page('The page, with the way to the file or the question for the address.'),
  }),
  confirm: {
    ...describe('Confirm the address that the file was sent to', {
      303: { description: 'To the file, with a cookie that opens it for 15 minutes.' },
      400: page('It is another address, or none; the page with the reason.'),
      429: page('Ten wrong addresses within an hour; `Retry-After` says for how long.'),
    }),
    body: Type.Object({ email_address: Type.String({ format: 'email_address' }) }),
    bodyType: 'application/x-www-form-urlencoded',
  },
  download: describe('The file itself', {
    200: { description: 'The file, to be saved.', contentType: 'application/octet-stream' },
    303: { description: 'To the page: the address is not confirmed yet.' },
  }),
} satisfies Record<string, Description>;

function describe(summary: string, responses: Description['responses']): Description {
  return {
    summary,
    tag: 'Files',
    authentication: 'none',
    parameters: {
      id: Type.String({ description: 'From the link in the message.' }),
      key: Type.String({ description: 'The key of the document, which stands in the link alone.' }),
    },
    responses: {
      ...responses,
      404: page('There is no such document, or it has expired.'),
      503: page('The database cannot be reached.'),
    },
  };
}
