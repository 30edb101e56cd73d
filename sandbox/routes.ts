import { answerError, answerJson, answerNothing, answerPage, type Exchange, readJson } from './http.ts';
import type { Search } from './inbox.ts';
import { emailPolicy, inboxPage, messagePage, notFoundPage, pagePolicy } from './inbox-pages.ts';
import { presentMessage } from './message.ts';
import { type SendDeps, send } from './send.ts';

type Handler = (deps: SendDeps, exchange: Exchange) => void;

const routes = new Map<string, Record<string, Handler>>([
  ['/', { GET: showInbox }],
  ['/send/sms', { POST: (deps, exchange) => send(deps, exchange, 'sms') }],
  ['/send/email', { POST: (deps, exchange) => send(deps, exchange, 'email') }],
  ['/messages', { GET: listMessages, DELETE: emptyInbox }],
  ['/behaviour', { GET: showBehaviour, PUT: changeBehaviour, DELETE: resetBehaviour }],
  ['/counts', { GET: showCounts, DELETE: clearCounts }],
]);
const messageRoute: Record<string, Handler> = { GET: showMessage };
const htmlRoute: Record<string, Handler> = { GET: showHtml };

/** Answers a request: 404 for an unknown path, 405 for a method that the path does not support. */
export function handle(deps: SendDeps, exchange: Exchange): void {
  const route = routes.get(exchange.path) ?? routeOfMessage(exchange.path);
  const method = exchange.request.method === 'HEAD' ? 'GET' : (exchange.request.method ?? '');
  if (route === null) {
    answerError(exchange, 404, 'not-found', 'There is nothing at this address');
  } else if (Object.hasOwn(route, method)) {
    route[method]!(deps, exchange);
  } else {
    const allowed = Object.keys(route).join(', ');
    exchange.response.setHeader('Allow', allowed);
    answerError(exchange, 405, 'method-not-allowed', `This address supports ${allowed}`);
  }
}

function routeOfMessage(path: string): Record<string, Handler> | null {
  if (!path.startsWith('/messages/')) return null;
  return path.endsWith('/html') ? htmlRoute : messageRoute;
}

function idOf({ path }: Exchange): string {
  return path.split('/')[2] ?? '';
}

/** Browsers ask for HTML; anything else gets JSON. */
function wantsPage({ request, response }: Exchange): boolean {
  response.setHeader('Vary', 'Accept');
  return (request.headers.accept ?? '').includes('text/html');
}

function showInbox({ inbox, counts, receipts }: SendDeps, exchange: Exchange): void {
  const { query } = exchange;
  const type = query.get('type');
  const refresh = Number(query.get('refresh') ?? 0);
  const page = inboxPage(inbox, {
    q: query.get('q')?.slice(0, 200).trim() ?? '',
    type: type === 'sms' || type === 'email' ? type : null,
    before: query.get('before'),
    refresh: Number.isInteger(refresh) && refresh >= 1 && refresh <= 3_600 ? refresh : null,
    received: counts.present().received,
    receipts: receipts.present(),
  });
  answerPage(exchange, 200, page, pagePolicy);
}

function listMessages({ inbox }: SendDeps, exchange: Exchange): void {
  const search = readSearch(exchange.query);
  if (typeof search === 'string') answerError(exchange, 400, 'invalid-request', search);
  else answerJson(exchange, 200, { messages: inbox.list(search).map(presentMessage) });
}

function readSearch(query: URLSearchParams): Search | string {
  const type = query.get('type');
  if (type !== null && type !== '' && type !== 'sms' && type !== 'email') return 'type must be sms or email';
  const limit = query.get('limit') ?? '50';
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > 1_000)
    return 'limit must be a whole number from 1 to 1000';
  const to = query.get('to');
  const reference = query.get('reference');
  const before = query.get('before');
  return {
    q: query.get('q')?.trim() ?? '',
    ...(type && { type }),
    ...(to !== null && { to }),
    ...(reference !== null && { reference }),
    ...(before !== null && { before }),
    limit: Number(limit),
  };
}

function emptyInbox({ inbox }: SendDeps, exchange: Exchange): void {
  inbox.clear();
  answerNothing(exchange);
}

function showMessage({ inbox }: SendDeps, exchange: Exchange): void {
  const message = inbox.find(idOf(exchange));
  if (wantsPage(exchange)) {
    const page = message === null ? notFoundPage() : messagePage(message);
    answerPage(exchange, message === null ? 404 : 200, page, pagePolicy);
  } else if (message === null) {
    answerError(
      exchange,
      404,
      'not-found',
      'There is no such message, or it was dropped to make room for newer ones',
    );
  } else {
    answerJson(exchange, 200, presentMessage(message));
  }
}

function showHtml({ inbox }: SendDeps, exchange: Exchange): void {
  const message = inbox.find(idOf(exchange));
  if (message?.html == null) answerError(exchange, 404, 'not-found', 'There is no such email');
  else answerPage(exchange, 200, message.html, emailPolicy);
}

function showBehaviour({ behaviour }: SendDeps, exchange: Exchange): void {
  answerJson(exchange, 200, behaviour.present());
}

function changeBehaviour({ behaviour }: SendDeps, exchange: Exchange): void {
  readJson(exchange, (value) => {
    const fault = behaviour.change(value);
    if (fault === null) answerJson(exchange, 200, behaviour.present());
    else answerError(exchange, 400, 'invalid-request', fault);
  });
}

function resetBehaviour({ behaviour }: SendDeps, exchange: Exchange): void {
  behaviour.reset();
  answerJson(exchange, 200, behaviour.present());
}

function showCounts({ counts, receipts }: SendDeps, exchange: Exchange): void {
  answerJson(exchange, 200, { ...counts.present(), receipts: receipts.present() });
}

function clearCounts({ counts, receipts }: SendDeps, exchange: Exchange): void {
  counts.clear();
  receipts.clearCounts();
  answerNothing(exchange);
}
