import { randomUUID } from 'node:crypto';
import { readCredentials } from '../bootstrap/credentials.ts';
import { readConfig } from '../config/config.ts';
import type { KeyType } from '../database/tables.ts';
import { ConfigError } from '../ground/problem.ts';
import { addInboundSms, findInboundSms } from '../message/receipt/inbound/store.ts';
import type { LocalApi } from '../process/local-api.ts';
import { pasteableKey } from '../tenant/key/key.ts';
import { findKeys } from '../tenant/key/store.ts';
import { platformUserId } from '../tenant/user/store.ts';
import { type AdminCall, withAdminCall } from './admin-call.ts';
import { readOptions } from './arguments.ts';
import { ask, askAll, type Item } from './ask.ts';

/**
 * `despatch fixture [--json]`: makes the service that the integration suites of the official clients need, or finds what
 * an earlier run made, and prints the environment variables that they read (spec 01, section 7.3).
 */
export async function fixture(args: readonly string[]): Promise<void> {
  const { json } = readOptions(args, [], ['json']);
  const variables = await withAdminCall((call, local) => makeFixture(call, local, apiUrl()));
  if (json) console.log(JSON.stringify(variables, null, 2));
  else for (const [name, value] of Object.entries(variables)) console.log(`export ${name}=${quoted(value)}`);
}

/** Under a fixed id, so that every run finds it again. */
const serviceId = 'b3f1c9d6-5d0e-4c1b-9a53-6f2d8e7a4b10';
/** In the range that is reserved for drama: nobody has it. */
const number = '07700900500';
const email = 'functional-tests@example.com';
const replyTos = ['functional-tests-default@example.com', 'functional-tests-reply@example.com'] as const;
const sender = 'func tests';
const texts = 3;

/**
 * The suites read the first version too: of the text message they know the name, of the email only that it has the same
 * name. `now` is what they expect to be sent.
 */
const templates = {
  sms: {
    first: { name: 'Example text message template', content: 'Hello ((name))' },
    now: {
      name: 'Client Functional test sms template',
      content: 'Hello ((name))\r\n\r\nFunctional Tests make our world a better place',
    },
  },
  email: {
    first: {
      ...{ name: 'Client Functional test email template', subject: 'Functional Tests are good' },
      content: 'Functional test help make our world a better place',
    },
    now: {
      ...{ name: 'Client Functional test email template', subject: 'Functional Tests are good' },
      content: 'Hello ((name))\r\n\r\nFunctional test help make our world a better place',
    },
  },
} as const;

/** The public address of the API, or the one that the server has noted down. */
function apiUrl(): string {
  const { api, installation } = readConfig(process.env);
  return api.publicUrl ?? readCredentials(installation.dataDir)?.api ?? `http://127.0.0.1:${api.port}`;
}

async function makeFixture(call: AdminCall, local: LocalApi, api: string): Promise<Record<string, string>> {
  await ensureService(call);
  const smsTemplate = await ensureTemplate(call, 'sms');
  const emailTemplate = await ensureTemplate(call, 'email');
  await ensureReplyTo(call, replyTos[0], true);
  const replyTo = await ensureReplyTo(call, replyTos[1], false);
  const smsSender = await ensureSender(call);
  await ensureGuests(call);
  await ensureTexts(local, await ensureNumber(call));
  const key = (name: string, type: KeyType) => ensureKey(call, local, `functional tests ${name}`, type);
  return {
    NOTIFY_API_URL: api,
    SERVICE_ID: serviceId,
    API_KEY: await key('test', 'test'),
    API_SENDING_KEY: await key('team', 'team'),
    INBOUND_SMS_QUERY_KEY: await key('received texts', 'test'),
    FUNCTIONAL_TEST_NUMBER: number,
    FUNCTIONAL_TEST_EMAIL: email,
    SMS_TEMPLATE_ID: smsTemplate,
    EMAIL_TEMPLATE_ID: emailTemplate,
    SMS_SENDER_ID: smsSender,
    EMAIL_REPLY_TO_ID: replyTo,
  };
}

const base = `/service/${serviceId}`;
const by = { created_by: platformUserId };

/** Without the service's name before its texts, since the suites compare these. */
async function ensureService(call: AdminCall): Promise<void> {
  const { status, body } = await call('GET', base);
  if (status === 200) {
    const { name, active } = (body as { data: Readonly<Record<string, unknown>> }).data;
    if (!active) throw new ConfigError(`The service ${name} (${serviceId}) is not active: resume it first.`);
    return;
  }
  await ask(call, 'POST', '/service', {
    ...{ id: serviceId, name: 'Functional Tests', user_id: platformUserId, ...by },
    ...{ message_limit: 100_000, restricted: false, prefix_sms: false, permissions: ['sms', 'email'] },
    contact_link: 'https://functional-tests.example.com/contact',
  });
}

async function ensureTemplate(call: AdminCall, type: 'sms' | 'email'): Promise<string> {
  const { first, now } = templates[type];
  const path = `${base}/template`;
  const names: readonly unknown[] = [first.name, now.name];
  const isIt = (one: Item) => one['template_type'] === type && names.includes(one['name']);
  const found = (await askAll(call, path)).find(isIt);
  const { id } = found ?? (await ask(call, 'POST', path, { template_type: type, ...first, ...by })).data;
  await ask(call, 'POST', `${path}/${id}`, { ...now, ...by });
  return id;
}

async function ensureReplyTo(call: AdminCall, address: string, isDefault: boolean): Promise<string> {
  const path = `${base}/email-reply-to`;
  const all = await ask<readonly Item[]>(call, 'GET', path);
  const found = all.find((one) => one['email_address'] === address);
  const body = { email_address: address, is_default: isDefault };
  return (found ?? (await ask(call, 'POST', path, body)).data).id;
}

async function ensureSender(call: AdminCall): Promise<string> {
  const path = `${base}/sms-sender`;
  const all = await ask<readonly Item[]>(call, 'GET', path);
  const found = all.find((one) => one['sms_sender'] === sender);
  return (found ?? (await ask<Item>(call, 'POST', path, { sms_sender: sender, is_default: false }))).id;
}

/** A team key may send to these. */
async function ensureGuests(call: AdminCall): Promise<void> {
  type Guests = Readonly<{ email_addresses: readonly string[]; phone_numbers: readonly string[] }>;
  const path = `${base}/guest-list`;
  const { email_addresses, phone_numbers } = await ask<Guests>(call, 'GET', path);
  if (email_addresses.includes(email) && phone_numbers.includes(number)) return;
  await ask(call, 'PUT', path, {
    email_addresses: [...new Set([...email_addresses, email])],
    phone_numbers: [...new Set([...phone_numbers, number])],
  });
}

/** The number that the service's texts come to. Throws a ConfigError if another service has it. */
async function ensureNumber(call: AdminCall): Promise<Readonly<{ number: string; provider: string }>> {
  type Number = Item & Readonly<{ number: string; provider: string; service: { name: string } | null }>;
  const path = `/inbound-number${base}`;
  const { data: own } = await ask<{ data: Number | Record<string, never> }>(call, 'GET', path);
  if ('number' in own) return own as Number;
  const added = { provider: 'mmg', numbers: [number] };
  const { data } = await ask<{ data: readonly Number[] }>(call, 'POST', '/inbound-number', added);
  const { id, service } = data[0]!;
  if (service) throw new ConfigError(`The service "${service.name}" has the inbound number ${number}.`);
  return (await ask<{ data: Number }>(call, 'POST', path, { inbound_number_id: id })).data;
}

/** They are deleted when the service's retention is over, so a later run makes new ones. */
async function ensureTexts(
  { db, cipher, clock }: LocalApi,
  to: Readonly<{ number: string; provider: string }>,
): Promise<void> {
  const { length } = await findInboundSms(db, cipher, serviceId, null, texts);
  for (let index = length; index < texts; index++) {
    const at = new Date(clock.now());
    await addInboundSms(db, cipher, {
      ...{ id: randomUUID(), serviceId, notifyNumber: to.number, userNumber: '447700900501' },
      ...{ content: `Received text ${index + 1}`, provider: to.provider, providerReference: null },
      ...{ providerDate: at, createdAt: at },
    });
  }
}

/** A key of this name that has no end, made if there is none, in the form that clients take. */
async function ensureKey(
  call: AdminCall,
  { db, cipher }: LocalApi,
  name: string,
  keyType: KeyType,
): Promise<string> {
  const found = (await findKeys(db, cipher, serviceId)).find(
    (key) => key.name === name && key.keyType === keyType && key.expiresAt === null,
  );
  if (found) return pasteableKey(found);
  const body = { name, key_type: keyType, ...by };
  const { data: secret } = await ask<{ data: string }>(call, 'POST', `${base}/api-key`, body);
  return pasteableKey({ name, serviceId, secret });
}

/** A value as a shell takes it. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
