import { type DocumentedRoute, needsToken } from './answers.ts';
import { propertiesOf } from './schema.ts';

/** A call that can be copied: `lang` for tools, `label` for people. */
export type Sample = Readonly<{ lang: 'Shell' | 'JavaScript'; label: string; source: string }>;

/** Path and query of the example call; the caller's own values are names in braces. */
export function examplePath(url: string, { params, query, rawQuery }: DocumentedRoute): string {
  const parameters = propertiesOf(params);
  const path = url.replace(
    /:([a-z_]+)/gi,
    (_all, name: string) => exampleOf(parameters[name]) ?? `{${name}}`,
  );
  const fields = propertiesOf(query ?? rawQuery);
  const given = Object.entries(fields).flatMap(([name, schema]) => {
    const example = exampleOf(schema);
    return example === undefined ? [] : [`${name}=${example}`];
  });
  return given.length === 0 ? path : `${path}?${given.join('&')}`;
}

function exampleOf(schema: unknown): string | undefined {
  const first = (schema as { examples?: readonly unknown[] } | undefined)?.examples?.[0];
  return first === undefined ? undefined : String(first);
}

/** The example call of a route with curl and, where the route has one, with the official client for Node.js. */
export function samplesOf(method: string, url: string, base: string, route: DocumentedRoute): Sample[] {
  const { authentication, example, client } = route;
  const hasBody = (route.body ?? route.rawBody) !== undefined;
  if (hasBody && example === undefined && !route.bodyOptional) return [];
  const verb = method === 'GET' ? '' : `-X ${method} `;
  const lines = [`curl -s ${verb}'${base}${examplePath(url, route)}'`];
  if (needsToken(route))
    lines.push(`-H "Authorization: Bearer $${authentication === 'admin' ? 'ADMIN_TOKEN' : 'TOKEN'}"`);
  if (example !== undefined) {
    const type = route.rawBody?.contentType ?? 'application/json';
    // A text is a file; anything else a JSON document.
    const [option, text] =
      typeof example === 'string' ? ['--data-binary', example] : ['-d', JSON.stringify(example, null, 2)];
    lines.push(`-H 'Content-Type: ${type}'`, `${option} '${text.replaceAll("'", "'\\''")}'`);
  }
  const samples: Sample[] = [{ lang: 'Shell', label: 'curl', source: lines.join(' \\\n  ') }];
  if (client)
    samples.push({
      lang: 'JavaScript',
      label: 'Official client for Node.js',
      source: [
        "import { NotifyClient } from 'notifications-node-client';",
        '',
        `const client = new NotifyClient('${base}', '{api_key}');`,
        `const { data } = await client.${client};`,
        'console.log(data);',
      ].join('\n'),
    });
  return samples;
}

/** How to make a token (spec 01, sections 1.1 and 1.2), in words and as shell commands. */
export const tokenText = `Every request from a service carries a JSON Web Token that the service signs itself, in \`Authorization: Bearer <token>\`. The official clients do this for you. Without one:

- An API key has the form \`{name}-{service id}-{secret}\`. Its last 36 characters are the secret; the 36 characters before the hyphen in front of that are the service id.
- The header of the token is \`{"typ":"JWT","alg":"HS256"}\`.
- Its claims are \`iss\`, the service id, and \`iat\`, the time in seconds since 1970. Nothing else is needed.
- It is signed with HMAC-SHA256. The key is the secret as written, hyphens included.
- It is valid for 30 seconds before and after \`iat\`, so make one for each request, and keep your clock accurate.

A token for the examples of this page, with \`openssl\`:

\`\`\`sh
API_KEY='{api_key}'
SERVICE_ID=$(printf %s "$API_KEY" | tail -c 73 | head -c 36)
SECRET=$(printf %s "$API_KEY" | tail -c 36)
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
SIGNED=$(printf '{"typ":"JWT","alg":"HS256"}' | base64url).$(printf '{"iss":"%s","iat":%s}' "$SERVICE_ID" "$(date +%s)" | base64url)
TOKEN=$SIGNED.$(printf %s "$SIGNED" | openssl dgst -sha256 -hmac "$SECRET" -binary | base64url)
\`\`\`

What a key may do depends on its type: a live key sends to anyone, a team key to the members of the service and its guest list, and a test key sends nothing and behaves as if it did.
`;

/** The same for the admin API (spec 04, section 0.1). */
export const adminTokenText = `Requests under Administration carry a token of the admin client instead of a service's: \`iss\` is its name, \`notify-admin\` unless \`ADMIN_CLIENT_USER_NAME\` says otherwise, and it is signed with its secret, which is in \`credentials.json\`. \`npm run --silent despatch -- token --admin\` prints one. With the \`base64url\` function from above:

\`\`\`sh
ADMIN_SECRET='{admin_secret}'
SIGNED=$(printf '{"typ":"JWT","alg":"HS256"}' | base64url).$(printf '{"iss":"notify-admin","iat":%s}' "$(date +%s)" | base64url)
ADMIN_TOKEN=$SIGNED.$(printf %s "$SIGNED" | openssl dgst -sha256 -hmac "$ADMIN_SECRET" -binary | base64url)
\`\`\`
`;
