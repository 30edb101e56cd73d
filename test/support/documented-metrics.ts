import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The names in the tables of docs/operations.md, "Metrics"; `<…>` stands for any text. `isStat`: it goes to StatsD, and
 * is shown at `/metrics` in another form.
 */
export function documentedMetrics(): readonly Readonly<{ name: string; isStat: boolean }>[] {
  const text = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith('Metrics\n')) ?? '';
  return section.split(/^### /m).flatMap((part) =>
    [...part.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, names]) =>
      [...names!.matchAll(/`([^`]+)`/g)].map(([, name]) => ({
        name: name!,
        isStat: part.startsWith('Counters'),
      })),
    ),
  );
}
