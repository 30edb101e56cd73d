import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { type Clock, londonTime } from '../../../ground/clock.ts';
import { byteOrderMark, csvLine } from '../../../ground/csv.ts';
import { Problem } from '../../../ground/problem.ts';
import { createTurns, type Turns } from '../../../ground/turns.ts';
import { defineRoute } from '../../../http/server/define-route.ts';
import { callerLeaves } from '../../../http/server/request.ts';
import { uuid } from '../../../http/validate/shapes.ts';
import { defaultRetentionDays, retentionCutoff } from '../../../tenant/service/retention.ts';
import { findRetentions } from '../../../tenant/service/store.ts';
import { type AdminInboundDeps, common, filterOf, path, textFilter } from './admin-routes.ts';
import { findInboundSms, type InboundFilter, type InboundSms } from './store.ts';

/** `downloads`: of each service, one at a time. */
export type InboundCsvDeps = AdminInboundDeps & Readonly<{ clock: Clock; downloads: Turns }>;

/** Texts that are read at a time. */
const textsPerRead = 250;

export function createDownloads(): Turns {
  return createTurns({
    ...{ atOnce: 1, mostWaiting: 5, longestWaitMilliseconds: 10_000 },
    refused: () =>
      new Problem(
        429,
        [
          {
            error: 'TooManyRequestsError',
            message:
              'Too many downloads: a service can have one under way. Wait for its end before starting another',
          },
        ],
        { 'Retry-After': '1' },
      ),
  });
}

/**
 * Waits for the turn of a download of a service. The turn ends with the answer, whatever it is, and when the caller
 * leaves, which the signal tells.
 */
export async function beginDownload(
  downloads: Turns,
  serviceId: string,
  reply: FastifyReply,
): Promise<AbortSignal> {
  const left = callerLeaves(reply);
  const leave = await downloads(serviceId, left);
  if (left.aborted) leave();
  else left.addEventListener('abort', leave);
  return left;
}

const download = defineRoute({
  ...common,
  method: 'GET',
  path: `${path}/csv`,
  handlerName: 'inbound_sms.get_inbound_sms_csv',
  summary: 'Download the received texts of a service',
  description:
    'As a CSV file in UTF-8, newest first, with the columns `Received` (London time), `Number` and `Message`. No cell is a formula: one that would be begins with an apostrophe. A service can have one download under way.',
  params: Type.Object({ service_id: uuid('The service.') }),
  query: Type.Object(textFilter, { additionalProperties: false }),
  answers: {
    200: { description: 'The file.', contentType: 'text/csv; charset=utf-8', schema: Type.String() },
    400: { description: 'A parameter is unknown or invalid.' },
  },
  async handler(deps: InboundCsvDeps, { params, query }, reply) {
    const { service_id: serviceId } = params;
    const left = await beginDownload(deps.downloads, serviceId, reply);
    const filter = await keptOnly(deps, serviceId, filterOf(query), left);
    // Read now, so that what fails at once gets an answer of its own.
    const first = await readTexts(deps, serviceId, filter, left);
    return reply
      .type('text/csv; charset=utf-8')
      .send(Readable.from(linesOf(deps, serviceId, filter, first, left)));
  },
});

/** Received texts as a file for a spreadsheet (spec 04, section 7.6). */
export const inboundCsvRoutes = [download];

/** Only what the service still keeps: the rest is deleted at night. */
async function keptOnly(
  { reads, clock }: InboundCsvDeps,
  serviceId: string,
  filter: InboundFilter,
  left: AbortSignal,
): Promise<InboundFilter> {
  const retentions = await reads(serviceId, left, (db) => findRetentions(db, serviceId));
  const { days = defaultRetentionDays } = retentions.find(({ type }) => type === 'sms') ?? {};
  const { before: oldest } = retentionCutoff(clock.now(), days);
  return { ...filter, from: filter.from && filter.from > oldest ? filter.from : oldest };
}

function readTexts(
  { reads, cipher }: InboundCsvDeps,
  serviceId: string,
  filter: InboundFilter,
  left: AbortSignal,
): Promise<readonly InboundSms[]> {
  return reads(serviceId, left, (db) => findInboundSms(db, cipher, serviceId, null, textsPerRead, filter));
}

/**
 * The file in pieces, of which one is in memory; the next is read when the caller has taken it. A read that fails breaks
 * the connection, so that a part is not taken for the whole.
 */
async function* linesOf(
  deps: InboundCsvDeps,
  serviceId: string,
  filter: InboundFilter,
  first: readonly InboundSms[],
  left: AbortSignal,
): AsyncGenerator<string> {
  yield byteOrderMark + csvLine(['Received', 'Number', 'Message']);
  for (let texts = first; texts.length > 0; ) {
    yield texts.map(showLine).join('');
    const { createdAt: at, id } = texts.at(-1)!;
    texts = await readTexts(deps, serviceId, { ...filter, before: { at, id } }, left);
  }
}

function showLine({ createdAt, userNumber, content }: InboundSms): string {
  return csvLine([londonTime(createdAt.getTime()), userNumber, content]);
}
