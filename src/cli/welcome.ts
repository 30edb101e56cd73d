import type { Platform } from '../process/compose.ts';

/**
 * What a start prints: where things are, and two ways to send a first message (DESIGN, section 8). Keys are read from
 * credentials.json when the lines are run, so that none stands in the output of the process.
 */
export function welcome({ url, sandboxUrl, credentials, credentialsPath, roles }: Platform): string {
  const lines = ['', `Despatch is running: ${roles.join(', ')}.`];
  if (url) lines.push(`  API     ${url}`);
  if (sandboxUrl)
    lines.push(`  Inbox   ${sandboxUrl}   the sandbox: messages land here, none leaves this machine`);
  if (credentialsPath) lines.push(`  Keys    ${credentialsPath}`);
  const service = credentials.services[0];
  if (!url || !service?.keys.normal || !service.templates.sms) return lines.join('\n');
  return [
    ...lines,
    '',
    `Send a message as "${service.name}" with the official client (paste all of it):`,
    '',
    `cat > first-message.mjs <<'END'`,
    `import { readFileSync } from 'node:fs';`,
    `import { NotifyClient } from 'notifications-node-client';`,
    `const { api, services: [service] } = JSON.parse(readFileSync('${credentialsPath}', 'utf8'));`,
    `const client = new NotifyClient(api, service.keys.normal);`,
    `const { data } = await client.sendSms(service.templates.sms, '07700 900 123', {`,
    `  personalisation: { name: 'Rowan', title: 'Sea Charts', date: '4 May' },`,
    `});`,
    `console.log(data.id, data.content.body);`,
    `END`,
    `node first-message.mjs`,
    '',
    'or with curl:',
    '',
    `curl -s ${url}/v2/notifications/sms -H "Authorization: Bearer $(npm run -s despatch -- token)" \\`,
    `  -d '{"template_id":"${service.templates.sms}","phone_number":"07700 900 123","personalisation":{"name":"Rowan","title":"Sea Charts","date":"4 May"}}'`,
    '',
    'or watch a few on their way: npm run demo',
    '',
  ].join('\n');
}
