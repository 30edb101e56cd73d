import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Cipher } from '../../ground/cipher.ts';
import type { Clock } from '../../ground/clock.ts';
import { parseUuid } from '../../ground/id.ts';
import type { Log } from '../../ground/log.ts';
import type { UserPermission } from '../../http/server/permission.ts';
import { addressOf, isNamed, locationOf } from './address.ts';
import { ApiAway, type ApiLine, NotAllowed, NotFound } from './api.ts';
import type { Assets } from './assets.ts';
import { sendDocument } from './document.ts';
import { type Form, formFields, formOf, isTokenOf, readForm, tokenField } from './form.ts';
import { layout } from './layout.ts';
import { createRegions, type Regions, type Streams } from './live.ts';
import {
  awayPage,
  brokenPage,
  foreignFormPage,
  goOnPage,
  notAllowedPage,
  notFoundPage,
  refusedPage,
  signInPage,
} from './messages.ts';
import {
  type Answer,
  type Look,
  Missing,
  type Page,
  redirect,
  type Said,
  type Service,
  type ServiceVisit,
  type SessionChange,
  type Site,
  Unexpected,
  type Visit,
} from './page.ts';
import { lackFor, type People } from './people.ts';
import {
  type Cookies,
  endOf,
  endsSoon,
  entering,
  hasEntered,
  isFresh,
  isUnderWay,
  newSecret,
  newSession,
  openJson,
  readCookies,
  type Session,
  sealJson,
  setCookie,
} from './session.ts';

export type ServeDeps = Readonly<{
  site: Site;
  assets: Assets;
  line: ApiLine;
  cipher: Cipher;
  clock: Clock;
  log: Log;
  cookies: Cookies;
  people: People;
  streams: Streams;
}>;

/** Where somebody wanted to go, and with what. */
type Onward = Readonly<{ path: string; entries?: readonly (readonly [string, string])[] }>;

/** Somebody before signing in. */
type Visitor = Readonly<{ secret: string; waiting?: unknown }>;

/** The largest form that is carried along while somebody signs in. */
const mostCarriedBytes = 1_000_000;

/** How pages look to whoever has not said, and how long what they said is kept in their browser. */
const plainLook: Look = { zone: 'Europe/London', theme: 'system' };
const lookSeconds = 400 * 86_400;

/** One request while it is served. */
type Call = {
  readonly deps: ServeDeps;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly cookies: ReadonlyMap<string, string>;
  readonly now: number;
  readonly path: string;
  /** null: nobody is signed in, or the session has run out. */
  readonly session: Session | null;
  readonly visitor: Visitor;
  readonly regions: Regions;
  service: Service | null;
  visit: Visit;
};

/** Answers one request. `page`: null where there is none. */
export async function serve(
  deps: ServeDeps,
  page: Page | null,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const call = await openCall(deps, request, reply);
  let form: Form | null = null;
  try {
    if (page === null || !isNamed(call.visit.params)) return await answer(call, notFoundPage());
    if (page.live && (call.visit.query.get('_live') ?? '') !== '') return await serveLive(call, page);
    if (request.method !== 'POST') {
      const refused = await refusal(call, page, null);
      return await answer(call, refused ?? (await page.get!(call.visit)));
    }
    if (!isSameOrigin(request, deps.site)) return await answer(call, foreignFormPage());
    if (page.receive) return await serveFile(call, page);
    form = readForm((request.body as Buffer | undefined) ?? Buffer.alloc(0), call.path);
    if (form === null) return await answer(call, refusedPage(['The form has too many fields.']));
    // Whoever has to sign in first did not fill in the form in the session that they are about to have.
    const refused = await refusal(call, page, form);
    if (refused) return await answer(call, refused);
    if (!isTokenOf((call.session ?? call.visitor).secret, form.text(tokenField)))
      return await answer(call, foreignFormPage());
    const done = await page.post!(call.visit, form);
    if (call.session) deps.people.forget(call.session);
    return await answer(call, done);
  } catch (error) {
    return answer(call, await answerTo(call, error, form));
  }
}

async function openCall(deps: ServeDeps, request: FastifyRequest, reply: FastifyReply): Promise<Call> {
  const { cipher, clock, line, site, cookies: names } = deps;
  const now = clock.now();
  const cookies = readCookies(request.headers.cookie);
  const url = addressOf(request.url);
  const found = openJson<Session>(cipher, 'session', cookies.get(names.sessionName));
  const session = found && isUnderWay(found, site.sessionHours, now) ? found : null;
  const visitor = openJson<Visitor>(cipher, 'visitor', cookies.get(names.visitorName)) ?? {
    secret: newSecret(),
  };
  const client = { address: request.ip, browser: browserOf(request.headers['user-agent']) };
  const regions = createRegions();
  const query = url.searchParams;
  const visit: Visit = {
    api: line.for(session, client),
    alone: line.for(null, client),
    params: request.params as Record<string, string>,
    query,
    path: url.pathname,
    person: null,
    now,
    ...(openJson<Look>(cipher, 'look', cookies.get(names.lookName)) ?? plainLook),
    fields: formFields((session ?? visitor).secret),
    client,
    site,
    waiting: visitor.waiting ?? null,
    onward: query.get('onward'),
    goOn: (onward, otherwise, change) => goOn(deps, now, session, onward, otherwise, change),
    region: regions.add,
    seal: (purpose, value) => sealJson(cipher, `page ${purpose}`, value),
    unseal: (purpose, sealed) => openJson(cipher, `page ${purpose}`, sealed),
  };
  return {
    deps,
    request,
    reply,
    cookies,
    now,
    path: url.pathname,
    session,
    visitor,
    regions,
    service: null,
    visit,
  };
}

/** Why somebody may not open a page, as the page that says so or asks for what is missing; null: they may. */
async function refusal(call: Call, page: Page, form: Form | null): Promise<Answer | null> {
  const { deps, session } = call;
  const person = session ? await deps.people.person(call.visit.api, session) : null;
  call.visit = { ...call.visit, person };
  if (page.needs === 'nothing') return null;
  if (!session || !person) return signInFirst(call, '/sign-in', form);
  const wanted = call.visit.params['service'];
  const serviceId = wanted === undefined ? null : parseUuid(wanted);
  if (wanted !== undefined && serviceId === null) throw new Missing('No such service');
  const lack = lackFor(page.needs, person, serviceId);
  if (lack === 'missing') throw new Missing('Not a member');
  if (serviceId !== null) {
    const service = await deps.people.service(call.visit.api, session, serviceId);
    call.service = service;
    const own = person.permissions[serviceId] ?? [];
    const more: ServiceVisit = {
      ...call.visit,
      person,
      sessionId: session.sessionId,
      service,
      at: (path) => `/services/${serviceId}${path}`,
      may: (permission: UserPermission) => person.isOperator || own.includes(permission),
    };
    call.visit = more;
  } else call.visit = { ...call.visit, sessionId: session.sessionId } as Visit;
  if (lack !== null) return notAllowedPage(lack, await givers(call, serviceId));
  if (serviceId !== null && mustEnter(call, serviceId))
    return signInFirst(call, `/platform/services/${serviceId}/enter`, form);
  const mustBeFresh = page.fresh === 'everything' || (page.fresh === 'changes' && form !== null);
  if (mustBeFresh && !isFresh(session, call.now)) return signInFirst(call, '/sign-in/again', form);
  return null;
}

/** Whether an operator has to say why they look into a service that they are no member of (spec 07, section 5). */
function mustEnter({ session, visit, now }: Call, serviceId: string): boolean {
  const { person } = visit;
  if (!session || !person?.isOperator || person.permissions[serviceId] !== undefined) return false;
  return !hasEntered(session, serviceId, now);
}

/** To the page that asks for a password or a reason, with what was being done kept for afterwards. */
function signInFirst(call: Call, to: string, form: Form | null): Answer {
  const { deps, request, path, visit } = call;
  const { search } = addressOf(request.url);
  if (form === null)
    return redirect(`${to}?onward=${sealJson(deps.cipher, 'onward', { path: path + search })}`);
  const entries = form.names.flatMap((name) => form.all(name).map((value) => [name, value] as const));
  const size = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  const onward: Onward = size <= mostCarriedBytes ? { path, entries } : { path };
  return signInPage(to, visit.fields, sealJson(deps.cipher, 'onward', onward));
}

function goOn(
  { cipher }: ServeDeps,
  now: number,
  session: Session | null,
  sealed: string | null,
  otherwise: string,
  change?: SessionChange,
): Answer {
  const next = changed(session, change, now);
  const onward = openJson<Onward>(cipher, 'onward', sealed ?? undefined);
  const set: SessionChange | undefined = next ? { set: next } : change;
  if (!onward?.entries || !next) return redirect(onward?.path ?? otherwise, undefined, set);
  return {
    ...goOnPage(formFields(next.secret), onward.path, formOf(onward.entries)),
    ...(set && { session: set }),
  };
}

/** The session after a change; null: nobody is signed in. */
function changed(session: Session | null, change: SessionChange | undefined, now: number): Session | null {
  if (change === undefined) return session;
  if ('set' in change) return change.set;
  if ('begin' in change) return newSession(change.begin.userId, change.begin.sessionId, now);
  if ('proved' in change) return session && { ...session, proved: now };
  if ('entered' in change) return session && entering(session, change.entered, now);
  return 'end' in change ? null : session;
}

/** A file that is sent by a form: the fields before it are read first, and it is passed on as it arrives. */
async function serveFile(call: Call, page: Page): Promise<FastifyReply> {
  const { deps, request, reply } = call;
  const refused = await refusal(call, page, formOf([]));
  const entries: [string, string][] = [];
  if (!request.isMultipart()) {
    if (refused || !page.post) return answer(call, refused ?? refusedPage(['Choose a file.']));
    const form = readForm((request.body as Buffer | undefined) ?? Buffer.alloc(0), call.path) ?? formOf([]);
    if (!isTokenOf((call.session ?? call.visitor).secret, form.text(tokenField)))
      return answer(call, foreignFormPage());
    return answer(call, await page.post(call.visit, form));
  }
  for await (const part of request.parts()) {
    if (part.type === 'field') {
      entries.push([part.fieldname, String(part.value)]);
      continue;
    }
    const form = formOf(entries, call.path);
    const isOurs = isTokenOf((call.session ?? call.visitor).secret, form.text(tokenField));
    let result: Answer;
    try {
      result =
        refused ?? (isOurs ? await page.receive!(call.visit, part.file, part.filename) : foreignFormPage());
    } catch (error) {
      result = await answerTo(call, error, null);
    }
    // The rest is read, or the browser would not see the answer.
    part.file.resume();
    if (result.kind === 'redirect' && request.headers['x-despatch-script'] !== undefined) {
      applySession(call, result.session);
      return reply.code(204).header('X-Despatch-Location', locationOf(result.to, deps.site.baseUrl)).send();
    }
    return answer(call, result);
  }
  return answer(call, refused ?? refusedPage(['Choose a file.']));
}

/** A page that stays open: its live regions, as a stream or, `_live=0`, once. */
async function serveLive(call: Call, page: Page): Promise<FastifyReply> {
  const { deps, request, reply } = call;
  const make = async () => {
    const again = await openCall(deps, request, reply);
    const refused = await refusal(again, page, null);
    if (refused) throw new Missing('No longer allowed');
    await page.get!(again.visit);
    return again.regions.all;
  };
  if (call.visit.query.get('_live') === '0')
    return sendDocument(request, reply, [...(await make()).values()].join('\n'));
  deps.streams.open(reply, make);
  return reply;
}

/** The members of a service who can give a permission; for what only operators may, nobody is named. */
async function givers({ visit }: Call, serviceId: string | null): Promise<readonly string[]> {
  if (serviceId === null) return [];
  type Member = Readonly<{
    name: string;
    state: string;
    permissions: Readonly<Record<string, readonly string[]>>;
  }>;
  const found = await visit.api
    .getSoon<{ data: readonly Member[] }>(`/service/${serviceId}/users`)
    .catch(() => null);
  return (found?.data ?? [])
    .filter(
      ({ state, permissions }) => state === 'active' && permissions[serviceId]?.includes('manage_users'),
    )
    .map(({ name }) => name)
    .slice(0, 10);
}

async function answerTo(call: Call, error: unknown, form: Form | null): Promise<Answer> {
  const { deps, visit, request } = call;
  if (error instanceof Missing || error instanceof NotFound) return notFoundPage();
  if (error instanceof NotAllowed) return notAllowedPage(`${error.reason}.`.replace(/\.\.$/, '.'), []);
  if (error instanceof Unexpected) return refusedPage(Object.values(error.refused.fields).flat());
  if (error instanceof ApiAway) {
    deps.log.warn(
      { err: error },
      `${request.method} ${request.routeOptions.url ?? ''} could not reach the API`,
    );
    return awayPage(visit, call.path, form);
  }
  deps.log.error({ err: error }, `${request.method} ${request.routeOptions.url ?? ''} failed`);
  return brokenPage();
}

async function answer(call: Call, result: Answer): Promise<FastifyReply> {
  const { deps, request, reply, cookies, now, session, visitor, visit, service } = call;
  const { cookies: names, cipher, site, assets } = deps;
  if (result.kind === 'file')
    return reply
      .code(result.status ?? 200)
      .headers(result.headers)
      .send(result.body);
  const next = applySession(call, result.session);
  if (result.kind === 'redirect') {
    if (result.look !== undefined)
      reply.header(
        'Set-Cookie',
        setCookie(names.lookName, sealJson(cipher, 'look', result.look), names.attributes, lookSeconds),
      );
    if (result.said !== undefined)
      reply.header(
        'Set-Cookie',
        setCookie(names.saidName, sealJson(cipher, 'said', result.said), names.attributes, 60),
      );
    return reply.code(303).header('Location', locationOf(result.to, site.baseUrl)).send();
  }
  const said = openJson<Said>(cipher, 'said', cookies.get(names.saidName));
  if (said !== null) reply.header('Set-Cookie', setCookie(names.saidName, '', names.attributes, 0));
  // Forms of somebody who has not signed in need a secret too.
  if (!next && !session && !cookies.has(names.visitorName))
    applySession(call, { waiting: visitor.waiting ?? null });
  const soon = session !== null && endsSoon(session, site.sessionHours, now);
  const text = layout(result, { assets, visit, service, said, endsSoon: soon });
  return sendDocument(request, reply.code(result.status ?? 200), text);
}

/** Writes the cookies of a change. Returns the session afterwards. */
function applySession(call: Call, change: SessionChange | undefined): Session | null {
  const { deps, reply, now, session, visitor } = call;
  const { cookies: names, cipher, site } = deps;
  if (change === undefined) return session;
  if ('waiting' in change) {
    const kept: Visitor = { secret: visitor.secret, waiting: change.waiting };
    reply.header(
      'Set-Cookie',
      setCookie(names.visitorName, sealJson(cipher, 'visitor', kept), names.attributes, null),
    );
    return session;
  }
  const next = changed(session, change, now);
  const seconds = next ? Math.max(0, Math.floor((endOf(next, site.sessionHours) - now) / 1000)) : 0;
  const value = next ? sealJson(cipher, 'session', next) : '';
  reply.header('Set-Cookie', setCookie(names.sessionName, value, names.attributes, seconds));
  reply.header('Set-Cookie', setCookie(names.visitorName, '', names.attributes, 0));
  return next;
}

/** Whether a form comes from a page of ours: browsers say so themselves. */
function isSameOrigin(request: FastifyRequest, { baseUrl }: Site): boolean {
  const fetchSite = request.headers['sec-fetch-site'];
  if (fetchSite !== undefined) return fetchSite === 'same-origin';
  const { origin, host } = request.headers;
  if (origin === undefined || !URL.canParse(origin)) return false;
  return new URL(origin).host === host || origin === new URL(baseUrl).origin;
}

/** A browser in words, such as "Firefox on Linux": enough to know one's own sessions apart. */
function browserOf(agent: string | undefined): string {
  const text = agent ?? '';
  const browser = [/Edg/, /OPR/, /Firefox/, /Chrome|Chromium/, /Safari/].findIndex((pattern) =>
    pattern.test(text),
  );
  const name = ['Edge', 'Opera', 'Firefox', 'Chrome', 'Safari'][browser] ?? 'A browser';
  const system = (
    [
      [/Android/, 'Android'],
      [/iPhone|iPad/, 'iOS'],
      [/Windows/, 'Windows'],
      [/Mac OS/, 'macOS'],
      [/Linux|X11/, 'Linux'],
    ] as const
  ).find(([pattern]) => pattern.test(text))?.[1];
  return system ? `${name} on ${system}` : name;
}
