import type { Html } from '../../ground/html.ts';
import type { UserPermission } from '../../http/server/permission.ts';
import type { Api } from './api.ts';

import type { Form, FormFields } from './form.ts';
import type { Session } from './session.ts';

export { Unexpected } from './api.ts';

/** A person as the pages know them (spec 04, section 3.1). */
export type Person = Readonly<{
  id: string;
  name: string;
  email: string;
  mobile: string | null;
  isOperator: boolean;
  /** By id of the service: what the person may do there. */
  permissions: Readonly<Record<string, readonly string[]>>;
}>;

/** A service as every page of it needs it (spec 04, section 1.1). */
export type Service = Readonly<{
  id: string;
  name: string;
  active: boolean;
  /** In trial mode. */
  restricted: boolean;
  /** Messages a day. */
  limits: Readonly<{ sms: number; email: number }>;
  /** Texts begin with its name. */
  prefixesTexts: boolean;
}>;

/** What somebody needs to open a page (spec 07, section 5); of several permissions one is enough. */
export type Needs =
  | 'nothing'
  | 'signed in'
  | 'member'
  | 'operator'
  | UserPermission
  | readonly UserPermission[];

/** One request of somebody. */
export type Visit = Readonly<{
  /** The admin API, for this person. */
  api: Api;
  /** The admin API for nobody in particular: for the steps of getting in, whoever may be signed in here. */
  alone: Api;
  /** Parameters of the path: letters, digits, _ and - only, but for a token, which may be anything. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** The address that was asked for, without its query. */
  path: string;
  /** null: nobody is signed in. */
  person: Person | null;
  now: number;
  /** The reader's time zone (IANA). */
  zone: string;
  /** What the reader chose to look at pages in; `system`: what their system has. */
  theme: Theme;
  /** The hidden fields that every form which posts needs. */
  fields: FormFields;
  /** Network address and browser, for the waits and sessions of the API. */
  client: Readonly<{ address: string; browser: string }>;
  /** What the whole installation has in common. */
  site: Site;
  /** What somebody who signs in has done so far, as the step before left it; null: nothing. */
  waiting: unknown;
  /** Where somebody who has to sign in wanted to go, sealed; to be sent along by every form on the way. */
  onward: string | null;
  /** The answer that leads there, or to `otherwise`. */
  goOn: (onward: string | null, otherwise: string, session?: SessionChange) => Answer;
  /**
   * A part of the page that is brought up to date while it is open (spec 07, section 10). `id`: of the element, unique
   * within the page. `announced`: what screen readers are told when it changes.
   */
  region: (id: string, content: Html, announced?: string) => Html;
  /** Seals what must not be read in an address, such as what was searched for (spec 07, section 13). */
  seal: (purpose: string, value: unknown) => string;
  /** null: it was not sealed here for this purpose. */
  unseal: <T>(purpose: string, sealed: string) => T | null;
}>;

export type PersonVisit = Visit & Readonly<{ person: Person; sessionId: string }>;

export type ServiceVisit = PersonVisit &
  Readonly<{
    service: Service;
    /** The path of a page of this service. */
    at: (path: string) => string;
    may: (permission: UserPermission) => boolean;
  }>;

export type Site = Readonly<{
  productName: string;
  /** Where these pages are, without a slash at the end. */
  baseUrl: string;
  /** The public API, for code to paste. */
  apiUrl: string;
  /** The sandbox's inbox; null where no message goes through the sandbox. */
  sandboxUrl: string | null;
  /** The types whose provider is the sandbox. */
  sandboxTypes: readonly ('sms' | 'email')[];
  undoSeconds: number;
  sessionHours: number;
  /** Whether a code is asked for after the password. */
  secondStep: boolean;
  /** Domains whose people may register; null: only those who were invited. */
  registration: readonly string[] | null;
  /** How people reach those who run the installation; null: nobody said. */
  contact: string | null;
}>;

/** What the next page says: what was done, or that nothing was. */
export type Said = string | Readonly<{ notDone: string }>;

/** What a page answers. */
export type Answer =
  | Readonly<{
      kind: 'page';
      /** The heading and title: what this page is, unique within the product. Never anything personal. */
      title: string;
      main: Html;
      status?: number;
      /** Refused fields, which go before the title as well. */
      isError?: boolean;
      /** The trail above the heading. */
      back?: Readonly<{ href: string; text: string }>;
      /** The whole width, for tables. */
      wide?: boolean;
      session?: SessionChange;
    }>
  | Readonly<{
      kind: 'redirect';
      to: string;
      said?: Said;
      session?: SessionChange;
      look?: Look;
    }>
  | Readonly<{
      kind: 'file';
      status?: number;
      headers: Readonly<Record<string, string>>;
      body: NodeJS.ReadableStream | Buffer | string;
    }>;

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

/** How somebody likes to see pages; kept in their browser. */
export type Look = Readonly<{ zone: string; theme: Theme }>;

/** What a page does to the session. */
export type SessionChange =
  | Readonly<{ begin: Readonly<{ userId: string; sessionId: string }> }>
  | Readonly<{ set: Session }>
  | Readonly<{ proved: true }>
  /** An operator gave a reason to look into the service with this id. */
  | Readonly<{ entered: string }>
  /** Kept, sealed, until the next step of signing in. */
  | Readonly<{ waiting: unknown }>
  | Readonly<{ end: true }>;

/** A page, or a part of one that is asked for by itself. */
export type Page = Readonly<{
  path: string;
  needs: Needs;
  /** What the password must have been given for within the last 30 minutes (spec 07, section 4). */
  fresh: 'everything' | 'changes' | 'nothing';
  get: ((visit: Visit) => Promise<Answer>) | null;
  post: ((visit: Visit, form: Form) => Promise<Answer>) | null;
  /** Answers a POST whose body is a file, and reads it. */
  receive: ((visit: Visit, body: NodeJS.ReadableStream, name: string) => Promise<Answer>) | null;
  /**
   * How often an open page is brought up to date: the page is made again, without a person asking, and what changed in
   * its live regions is sent. null: never.
   */
  live: boolean;
}>;

type Handlers<V> = Readonly<{
  fresh?: Page['fresh'] | boolean;
  live?: boolean;
  get?: (visit: V) => Promise<Answer> | Answer;
  post?: (visit: V, form: Form) => Promise<Answer> | Answer;
  receive?: (visit: V, body: NodeJS.ReadableStream, name: string) => Promise<Answer>;
}>;

function definePage<V extends Visit>(path: string, needs: Needs, handlers: Handlers<V>): Page {
  const { get, post, receive, fresh: given = false, live = false } = handlers;
  const fresh = given === true ? 'everything' : given === false ? 'nothing' : given;
  return {
    ...{ path, needs, fresh, live },
    get: get ? async (visit) => get(visit as V) : null,
    post: post ? async (visit, form) => post(visit as V, form) : null,
    receive: receive ? async (visit, body, name) => receive(visit as V, body, name) : null,
  };
}

/** A page for anybody, signed in or not. */
export function openPage(path: string, handlers: Handlers<Visit>): Page {
  return definePage(path, 'nothing', handlers);
}

/** A page for whoever is signed in. */
export function personPage(path: string, handlers: Handlers<PersonVisit>): Page {
  return definePage(path, 'signed in', handlers);
}

/** A page of one service, below `/services/:service`. `path` begins there. */
export function servicePage(path: string, needs: Needs, handlers: Handlers<ServiceVisit>): Page {
  return definePage(`/services/:service${path}`, needs, handlers);
}

/** A page for operators. Changing something there needs a fresh password, unless `fresh` says that it only searches. */
export function operatorPage(path: string, handlers: Handlers<PersonVisit>): Page {
  return definePage(path, 'operator', { fresh: 'changes', ...handlers });
}

/** A page with a title and its content. */
export function page(
  title: string,
  main: Html,
  more: Omit<Extract<Answer, { kind: 'page' }>, 'kind' | 'title' | 'main'> = {},
): Answer {
  return { kind: 'page', title, main, ...more };
}

/** To another page, after something was done, or could not be. */
export function redirect(to: string, said?: Said, session?: SessionChange): Answer {
  return { kind: 'redirect', to, ...(said !== undefined && { said }), ...(session && { session }) };
}

/** Thrown by a page whose subject does not exist, or belongs to another service: 404. */
export class Missing extends Error {
  override name = 'Missing';
}
