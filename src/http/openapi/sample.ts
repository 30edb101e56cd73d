import type { Description } from './describe.ts';

/** A call that can be copied: `lang` for tools, `label` for people. */
export type Sample = Readonly<{ lang: 'Shell' | 'JavaScript'; label: string; source: string }>;

/** Path and query of the example call; what is yours stands in braces. */
export function examplePath(url: string, { parameters = {}, query }: Description): string {
  const path = url.replace(
    /:([a-z_]+)/gi,
    (_all, name: string) => exampleOf(parameters[name]) ?? `{${name}}`,
  );
  const fields = (query as { properties?: Record<string, unknown> } | undefined)?.properties ?? {};
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

/** The example call of a route with curl and, where the route says how, with the official client for Node.js. */
export function samplesOf(method: string, url: string, base: string, description: Description): Sample[] {
  const { authentication, body, example, client } = description;
  if (body && example === undefined && !description.bodyOptional) return [];
  const lines = [`curl -s '${base}${examplePath(url, description)}'`];
  if (method !== 'GET') lines[0] = `curl -s -X ${method} '${base}${examplePath(url, description)}'`;
  if (authentication !== 'none')
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
