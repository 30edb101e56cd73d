import { type DocumentedRoute, needsToken } from './answers.ts';

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

function propertiesOf(schema: unknown): Readonly<Record<string, unknown>> {
  return (schema as { properties?: Record<string, unknown> } | undefined)?.properties ?? {};
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
  if (example !== undefined)
    lines.push(
      "-H 'Content-Type: application/json'",
      `-d '${JSON.stringify(example, null, 2).replaceAll("'", "'\\''")}'`,
    );
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
