import { formatTemplateFile, type KeptTemplate, type TemplateText } from './file-format.ts';
import { unifiedDiff, visible } from './line-diff.ts';

/** What was done with a file and its template, or why not. */
export type Done = Readonly<{
  /** null: there is no file. */
  file: string | null;
  /** null: the server does not have it. */
  id: string | null;
  name: string;
  version: number | null;
  outcome:
    | 'archived'
    | 'changed'
    | 'created'
    | 'kept'
    | 'moved'
    | 'noted'
    | 'not done'
    | 'only on the server'
    | 'unchanged'
    | 'written';
  /** Why it is so, or what to do. */
  why?: string;
  /** What differs between the server and the file. */
  difference?: string;
  /** What was asked for was not done. */
  failed: boolean;
}>;

type About = Readonly<{ id: string | null; name: string; version: number | null }>;

export function done(
  file: string | null,
  { id, name, version }: About,
  outcome: Done['outcome'],
  more: Partial<Pick<Done, 'why' | 'difference' | 'failed'>> = {},
): Done {
  return { file, id, name, version, outcome, failed: false, ...more };
}

/** A line for each file with which something was done or is wrong, the differences, and a count of each outcome. */
export function reportOf(all: readonly Done[], isDryRun = false): string {
  const lines = all
    .filter(({ outcome }) => outcome !== 'unchanged')
    .flatMap(({ file, id, name, version, outcome, why, difference }) => {
      const what = file ?? `${name} (${id})`;
      const at =
        version === null || outcome === 'kept' || outcome === 'not done' ? '' : `  version ${version}`;
      const first = `${outcome.padEnd(9)} ${visible(what)}${at}${why === undefined ? '' : `: ${visible(why)}`}`;
      return difference ? [first, difference.trimEnd()] : [first];
    });
  const counts = new Map<string, number>();
  for (const { outcome } of all) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const summary = [...counts].toSorted().map(([outcome, count]) => `${count} ${outcome}`);
  const note = isDryRun ? ' (nothing was changed: --dry-run)' : '';
  return [...lines, `${summary.length === 0 ? 'no templates' : summary.join(', ')}${note}`].join('\n');
}

/**
 * What would change on the server, as a unified diff of the files; empty if nothing. null: there is no such template, or
 * no such file.
 */
export function differenceBetween(
  template: KeptTemplate | null,
  local: Readonly<{ path: string; file: TemplateText & Readonly<{ id: string | null }> }> | null,
): string {
  const written = (one: (TemplateText & Readonly<{ id: string | null }>) | null) =>
    one ? formatTemplateFile({ ...one, version: null, pulled: null }) : '';
  const before = template ? `server: ${template.name} (version ${template.version})` : 'server: none';
  return unifiedDiff(written(template), written(local?.file ?? null), [before, local?.path ?? 'no file']);
}
