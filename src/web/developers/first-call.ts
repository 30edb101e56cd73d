import { decomposed } from '../../ground/text.ts';

/** What a first call sends, and with which key. */
export type FirstCall = Readonly<{
  /** The public API, without a slash at the end. */
  apiUrl: string;
  serviceId: string;
  /** The key as clients take it. */
  key: string;
  template: Readonly<{ id: string; name: string; type: 'sms' | 'email'; placeholders: readonly string[] }>;
  to: string;
}>;

export type Snippet = Readonly<{
  language: string;
  /** How to get the client. null: nothing is needed. */
  install: string | null;
  /** To paste whole: into a terminal, or, where `file` is set, into a file of that name. */
  code: string;
  file: string | null;
}>;

/**
 * The key as clients take it: `{name}-{service id}-{secret}`, with the name made safe (spec 01, section 1.1).
 */
export function keyForClients(name: string, serviceId: string, secret: string): string {
  const safe = decomposed(name, 'NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/\s+/g, '_')
    .replace(/[^a-z0-9_]/g, '');
  return `${safe}-${serviceId}-${secret}`;
}

/** The lines of a file `.env` that programs read the key from. */
export function environmentLines({ apiUrl, key }: Pick<FirstCall, 'apiUrl' | 'key'>): string {
  return `DESPATCH_API_URL=${apiUrl}\nDESPATCH_API_KEY=${key}\n`;
}

/** Values for the placeholders of a template, so that the first message can be read. */
export function exampleValues(placeholders: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(placeholders.map((name) => [name, `example ${name}`]));
}

/** A text in quotes that JavaScript, Python, Java and C# read alike; no line ends, no marks that end a line in some. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const inRuby = (text: string) => quoted(text).replaceAll('#', '\\#');
const inPhp = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
/** For a shell: between single quotes. */
const inShell = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** A first call for each official client, and for curl. Those for Node, Python, Ruby, PHP and curl are pasted into a terminal. */
export function firstCalls(call: FirstCall): readonly Snippet[] {
  return [node(call), python(call), ruby(call), php(call), java(call), dotNet(call), curl(call)];
}

/** Writes a file and runs it with the key in its environment. */
function run({ apiUrl, key }: FirstCall, file: string, command: string, lines: readonly string[]): string {
  return [
    `cat > ${file} <<'END_OF_FILE'`,
    ...lines,
    'END_OF_FILE',
    `DESPATCH_API_URL=${inShell(apiUrl)} DESPATCH_API_KEY=${inShell(key)} ${command} ${file}`,
  ].join('\n');
}

function node(call: FirstCall): Snippet {
  const { template, to } = call;
  const values = Object.entries(exampleValues(template.placeholders));
  return {
    language: 'Node',
    install: 'npm install notifications-node-client',
    file: null,
    code: run(call, 'first-call.cjs', 'node', [
      `const { NotifyClient } = require('notifications-node-client');`,
      'const client = new NotifyClient(process.env.DESPATCH_API_URL, process.env.DESPATCH_API_KEY);',
      'client',
      `  .${template.type === 'sms' ? 'sendSms' : 'sendEmail'}(${quoted(template.id)}, ${quoted(to)}, {`,
      `    personalisation: { ${values.map(([name, value]) => `${quoted(name)}: ${quoted(value)}`).join(', ')} },`,
      '  })',
      '  .then(({ data }) => console.log(data.id))',
      '  .catch((error) => console.error(error.response?.data ?? error));',
    ]),
  };
}

function python(call: FirstCall): Snippet {
  const { template, to } = call;
  const values = Object.entries(exampleValues(template.placeholders));
  const [method, recipient] =
    template.type === 'sms'
      ? ['send_sms_notification', 'phone_number']
      : ['send_email_notification', 'email_address'];
  return {
    language: 'Python',
    install: 'pip install notifications-python-client',
    file: null,
    code: run(call, 'first_call.py', 'python3', [
      'import os',
      'from notifications_python_client.notifications import NotificationsAPIClient',
      'client = NotificationsAPIClient(os.environ["DESPATCH_API_KEY"], base_url=os.environ["DESPATCH_API_URL"])',
      `response = client.${method}(`,
      `    ${recipient}=${quoted(to)},`,
      `    template_id=${quoted(template.id)},`,
      `    personalisation={${values.map(([name, value]) => `${quoted(name)}: ${quoted(value)}`).join(', ')}},`,
      ')',
      'print(response["id"])',
    ]),
  };
}

function ruby(call: FirstCall): Snippet {
  const { template, to } = call;
  const values = Object.entries(exampleValues(template.placeholders));
  const [method, recipient] =
    template.type === 'sms' ? ['send_sms', 'phone_number'] : ['send_email', 'email_address'];
  return {
    language: 'Ruby',
    install: 'gem install notifications-ruby-client',
    file: null,
    code: run(call, 'first_call.rb', 'ruby', [
      `require "notifications/client"`,
      'client = Notifications::Client.new(ENV["DESPATCH_API_KEY"], ENV["DESPATCH_API_URL"])',
      `response = client.${method}(`,
      `  ${recipient}: ${inRuby(to)},`,
      `  template_id: ${inRuby(template.id)},`,
      `  personalisation: { ${values.map(([name, value]) => `${inRuby(name)} => ${inRuby(value)}`).join(', ')} },`,
      ')',
      'puts response.id',
    ]),
  };
}

function php(call: FirstCall): Snippet {
  const { template, to } = call;
  const values = Object.entries(exampleValues(template.placeholders));
  return {
    language: 'PHP',
    install: 'composer require alphagov/notifications-php-client php-http/guzzle7-adapter guzzlehttp/guzzle',
    file: null,
    code: run(call, 'first-call.php', 'php', [
      '<?php',
      `require 'vendor/autoload.php';`,
      '$client = new \\Alphagov\\Notifications\\Client([',
      `    'baseUrl' => getenv('DESPATCH_API_URL'),`,
      `    'apiKey' => getenv('DESPATCH_API_KEY'),`,
      `    'httpClient' => new \\Http\\Adapter\\Guzzle7\\Client(),`,
      ']);',
      `$response = $client->${template.type === 'sms' ? 'sendSms' : 'sendEmail'}(${inPhp(to)}, ${inPhp(template.id)}, [${values.map(([name, value]) => `${inPhp(name)} => ${inPhp(value)}`).join(', ')}]);`,
      `echo $response['id'], PHP_EOL;`,
    ]),
  };
}

function java({ template, to }: FirstCall): Snippet {
  const values = Object.entries(exampleValues(template.placeholders));
  return {
    language: 'Java',
    install: 'implementation("uk.gov.service.notify:notifications-java-client:5.2.1-RELEASE")',
    file: 'FirstCall.java',
    code: [
      'import java.util.HashMap;',
      'import java.util.Map;',
      'import uk.gov.service.notify.NotificationClient;',
      '',
      'public class FirstCall {',
      '    public static void main(String[] arguments) throws Exception {',
      '        NotificationClient client =',
      '            new NotificationClient(System.getenv("DESPATCH_API_KEY"), System.getenv("DESPATCH_API_URL"));',
      '        Map<String, Object> personalisation = new HashMap<>();',
      ...values.map(([name, value]) => `        personalisation.put(${quoted(name)}, ${quoted(value)});`),
      `        System.out.println(client.${template.type === 'sms' ? 'sendSms' : 'sendEmail'}(`,
      `            ${quoted(template.id)}, ${quoted(to)}, personalisation, "first call").getNotificationId());`,
      '    }',
      '}',
    ].join('\n'),
  };
}

function dotNet({ template, to }: FirstCall): Snippet {
  const values = Object.entries(exampleValues(template.placeholders));
  return {
    language: '.NET',
    install: 'dotnet add package GovukNotify',
    file: 'Program.cs',
    code: [
      'using System;',
      'using System.Collections.Generic;',
      'using Notify.Client;',
      '',
      'var client = new NotificationClient(',
      '    Environment.GetEnvironmentVariable("DESPATCH_API_URL"),',
      '    Environment.GetEnvironmentVariable("DESPATCH_API_KEY"));',
      'var personalisation = new Dictionary<string, dynamic>',
      '{',
      ...values.map(([name, value]) => `    { ${quoted(name)}, ${quoted(value)} },`),
      '};',
      `var response = client.${template.type === 'sms' ? 'SendSms' : 'SendEmail'}(${quoted(to)}, ${quoted(template.id)}, personalisation);`,
      'Console.WriteLine(response.id);',
    ].join('\n'),
  };
}

/** Without a client: the token is made by openssl, as it must be signed anew for each call. */
function curl({ apiUrl, serviceId, key, template, to }: FirstCall): Snippet {
  const body = {
    template_id: template.id,
    [template.type === 'sms' ? 'phone_number' : 'email_address']: to,
    personalisation: exampleValues(template.placeholders),
  };
  return {
    language: 'curl',
    install: null,
    file: null,
    code: [
      `secret=${inShell(key.slice(-36))}`,
      `encode() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }`,
      `head=$(printf '{"typ":"JWT","alg":"HS256"}' | encode)`,
      `claims=$(printf '{"iss":"${serviceId}","iat":%s}' "$(date +%s)" | encode)`,
      'signature=$(printf "$head.$claims" | openssl dgst -sha256 -hmac "$secret" -binary | encode)',
      `curl -s ${inShell(`${apiUrl}/v2/notifications/${template.type}`)} \\`,
      `  -H "Authorization: Bearer $head.$claims.$signature" -H 'Content-Type: application/json' \\`,
      `  -d ${inShell(JSON.stringify(body))}`,
    ].join('\n'),
  };
}
