import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium } from 'playwright-core';
import { roles } from '../../src/process/compose.ts';
import { freePort } from './free-port.ts';
import { createWorld, type World } from './world.ts';

/** What somebody got from the pages. */
export type Seen = Readonly<{
  status: number;
  /** The document, or the body of a file. */
  text: string;
  title: string;
  /** Where a redirect leads; null: none. */
  location: string | null;
  headers: Headers;
}>;

/** Somebody who looks at the pages, without a browser: the forms and cookies are theirs, script is not run. */
export type Visitor = Readonly<{
  userId: string | null;
  get: (path: string, headers?: Record<string, string>) => Promise<Seen>;
  /** Loads `path` and sends its form to `action` (default: `path`), filled in. A list fills in several boxes. */
  submit: (
    path: string,
    fields: Readonly<Record<string, string | readonly string[]>>,
    action?: string,
  ) => Promise<Seen>;
  /** Sends a form without loading its page first. */
  post: (path: string, body: string, headers?: Record<string, string>) => Promise<Seen>;
  /** Sends a file as the form at `path` does. */
  upload: (
    path: string,
    file: Readonly<{ name: string; content: Buffer | string }>,
    action?: string,
  ) => Promise<Seen>;
  /** Follows redirects from what was seen. */
  follow: (seen: Seen) => Promise<Seen>;
  cookies: Map<string, string>;
}>;

export type WebWorld = World &
  Readonly<{
    /** Somebody who has not signed in. */
    stranger: () => Visitor;
    /**
     * A new person with these permissions in the tenant's service, signed in; `operator`: of the platform, who has
     * entered the service if one is named.
     */
    person: (permissions: readonly string[] | 'operator', serviceId?: string) => Promise<Visitor>;
    /** A link that signs a person in. */
    signInLink: (userId: string) => Promise<string>;
    addUser: (permissions: readonly string[] | 'operator', serviceId?: string) => Promise<string>;
    /** The last message that the sandbox took for a number or address, all its parts. */
    received: (to: string) => Promise<string>;
    /** The path of the link in it that begins so. */
    linkFor: (to: string, path: string) => Promise<string>;
    /** The code in it. */
    codeFor: (to: string) => Promise<string>;
  }>;

export const everyPermission = [
  'manage_users',
  'manage_templates',
  'manage_settings',
  'send_texts',
  'send_emails',
  'manage_api_keys',
  'view_activity',
] as const;

/** A platform with its pages. */
export async function createWebWorld(environment: Record<string, string> = {}): Promise<WebWorld> {
  const port = await freePort();
  const baseUrl = `http://127.0.0.1:${port}`;
  const world = await createWorld({
    roles,
    environment: { WEB_PORT: String(port), ADMIN_BASE_URL: baseUrl, ...environment },
  });
  const stranger = () => visitorAt(baseUrl, null);
  const signInLink = async (userId: string) => {
    const { status, body } = await world.admin('POST', `/user/${userId}/sign-in-link`, {});
    assert.equal(status, 201);
    return body.data.url as string;
  };
  const addUser = async (permissions: readonly string[] | 'operator', serviceId = world.tenant.id) => {
    const { body } = await world.admin('POST', '/user', {
      name: 'Sam Ferry',
      email_address: `sam.${randomUUID().slice(0, 8)}@harbour.example`,
      mobile_number: '07700 900 321',
      password: 'an unusual passphrase',
      state: 'active',
    });
    const userId = body.data.id as string;
    if (permissions === 'operator')
      await world.connection.pool.query('update users set platform_admin = true where id = $1', [userId]);
    else {
      const joined = await world.admin('POST', `/service/${serviceId}/users/${userId}`, {
        permissions: permissions.map((permission) => ({ permission })),
      });
      assert.equal(joined.status, 201, JSON.stringify(joined.body));
    }
    return userId;
  };
  const received = async (to: string) => {
    await world.drain();
    const { messages } = await world.sandbox(`/messages?to=${encodeURIComponent(to)}&limit=1`);
    const [last] = messages;
    assert.ok(last, `nothing arrived for ${to}`);
    return `${last.body ?? ''} ${last.text ?? ''} ${last.html ?? ''}`;
  };
  const found = (text: string, pattern: RegExp) => {
    const match = pattern.exec(text);
    assert.ok(match, `no ${pattern} in: ${text}`);
    return match[0];
  };
  return {
    ...world,
    stranger,
    signInLink,
    addUser,
    received,
    linkFor: async (to, path) => found(await received(to), new RegExp(`${path}[\\w-]+`)),
    codeFor: async (to) => found(await received(to), /\b\d{5}\b/),
    async person(permissions, serviceId) {
      const userId = await addUser(permissions, serviceId);
      const visitor = visitorAt(baseUrl, userId);
      const path = new URL(await signInLink(userId)).pathname;
      const { status } = await visitor.submit(path, {});
      assert.equal(status, 303);
      if (permissions === 'operator' && serviceId !== undefined) {
        const entered = await visitor.submit(`/platform/services/${serviceId}/enter`, { reason: 'a test' });
        assert.equal(entered.status, 303);
      }
      return visitor;
    },
  };
}

function visitorAt(baseUrl: string, userId: string | null): Visitor {
  const cookies = new Map<string, string>();
  const ask = async (path: string, init: RequestInit): Promise<Seen> => {
    const response = await fetch(baseUrl + path, {
      ...init,
      redirect: 'manual',
      headers: {
        ...(init.headers as Record<string, string>),
        cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
      if (value === '') cookies.delete(name!);
      else cookies.set(name!, value!);
    }
    const text = await response.text();
    return {
      status: response.status,
      text,
      title: /<title>([^<]*)<\/title>/.exec(text)?.[1] ?? '',
      location: response.headers.get('location'),
      headers: response.headers,
    };
  };
  const ours = { 'sec-fetch-site': 'same-origin' };
  const form = { ...ours, 'content-type': 'application/x-www-form-urlencoded' };
  const hidden = async (path: string) => {
    const { status, text } = await ask(path, {});
    assert.ok(status < 400, `GET ${path} answered ${status}`);
    return hiddenIn(text);
  };
  const visitor: Visitor = {
    userId,
    cookies,
    get: (path, headers = {}) => ask(path, { headers }),
    post: (path, body, headers = {}) => ask(path, { method: 'POST', body, headers: { ...form, ...headers } }),
    async submit(path, fields, action = path) {
      const body = new URLSearchParams(await hidden(path));
      for (const [name, given] of Object.entries(fields))
        for (const value of [given].flat()) body.append(name, value);
      return ask(action, { method: 'POST', body: body.toString(), headers: form });
    },
    async upload(path, { name, content }, action = path) {
      const body = new FormData();
      for (const [field, value] of await hidden(path)) body.append(field, value);
      body.append('file', new Blob([content as never]), name);
      return ask(action, { method: 'POST', body, headers: ours });
    },
    async follow(seen) {
      let at = seen;
      for (let hop = 0; at.location !== null && hop < 5; hop += 1) at = await visitor.get(at.location);
      return at;
    },
  };
  return visitor;
}

/** The token and the id of the form in a document, which all of its forms share or could use. */
function hiddenIn(text: string): [string, string][] {
  return ['_token', '_form'].flatMap((name) => {
    const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(text.slice(text.indexOf('<main')))?.[1];
    const anywhere = value ?? new RegExp(`name="${name}" value="([^"]*)"`).exec(text)?.[1];
    return anywhere === undefined ? [] : [[name, anywhere] as [string, string]];
  });
}

const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
/** Where a Chromium is; null: none, and tests that need one are skipped. `CHROMIUM` names another. */
export const chromiumPath = process.env['CHROMIUM'] ?? browsers.find((path) => existsSync(path)) ?? null;
/** For the options of a test: why it is skipped. */
export const skipWithoutChromium =
  chromiumPath === null ? 'no Chromium: install it, or name it in CHROMIUM' : false;

/** A browser without a window, for tests that are skipped without one. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox', '--disable-gpu'] });
}

/** What a page of the browser complained of, policy reports included. */
export function complaintsOf(context: BrowserContext, complaints: string[] = []): string[] {
  context.on('weberror', (error) => complaints.push(error.error().message));
  context.on('console', (message) => {
    const isExpected = /Failed to load resource: the server responded with a status of (4|503)/.test(
      message.text(),
    );
    if (['error', 'warning'].includes(message.type()) && !isExpected) complaints.push(message.text());
  });
  return complaints;
}
