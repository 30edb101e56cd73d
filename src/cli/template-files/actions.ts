import type { AdminCall } from '../admin-call.ts';
import { serviceNamed } from '../ask.ts';
import type { Action, Given, Result } from '../noun.ts';
import { type LocalFile, makeFolder, readFolder } from './folder.ts';
import { pull, whyGone } from './pull.ts';
import { push } from './push.ts';
import { type Done, differenceBetween, reportOf } from './report.ts';
import { fateOf, knownFolder, readServer, type Server } from './server.ts';

const where = '--service <service> --dir <folder>';

/** Actions of `despatch template` that keep a service's templates in files. Exit code 1: something was not done. */
export const templateFileActions: Readonly<Record<'pull' | 'push' | 'diff', Action>> = {
  pull: {
    usage: `${where} [--force]`,
    summary:
      'Writes the templates of a service to files. Files with edits that were not pushed stay, but for --force.',
    async run(call, given) {
      makeFolder(given.options['dir']!);
      const { server, folder } = await openBoth(call, namedIn(given));
      return resultOf(await pull(call, server, folder, { force: given.options['force'] !== undefined }));
    },
  },
  push: {
    usage: `${where} [--archive-missing] [--dry-run]`,
    summary:
      'Makes and changes templates as the files say; --archive-missing archives those without a file. Edited on both sides: not done.',
    async run(call, given) {
      const { server, folder } = await openBoth(call, namedIn(given));
      const dryRun = given.options['dry-run'] !== undefined;
      const archiveMissing = given.options['archive-missing'] !== undefined;
      return resultOf(await push(call, server, folder, { archiveMissing, dryRun }), dryRun);
    },
  },
  diff: {
    usage: where,
    summary: 'Shows what a push would change. Exit code 1 if the files and the server differ.',
    async run(call, given) {
      const { server, folder } = await openBoth(call, namedIn(given));
      const differences = await differencesOf(call, server, folder.files);
      if (differences.length > 0) process.exitCode = 1;
      const text = differences
        .map(({ difference, why }) => difference || `${why}\n`)
        .join('')
        .trimEnd();
      return { data: differences, text: text || 'The files and the server say the same.' };
    },
  },
};

type Named = Readonly<{ service: string; dir: string }>;

function namedIn({ options }: Given): Named {
  return { service: options['service']!, dir: options['dir']! };
}

/** The templates of a service, and the files of a folder, which are read first: a faulty one stops the command. */
export async function openBoth(call: AdminCall, { service, dir }: Named) {
  const found = readFolder(dir);
  const server = await readServer(call, (await serviceNamed(call, service)).id);
  const files = found.map((local) => ({
    ...local,
    file: { ...local.file, folder: knownFolder(server.folders, local.file.folder) },
  }));
  return { server, folder: { dir, files } };
}

function resultOf(all: readonly Done[], isDryRun = false): Result {
  if (all.some(({ failed }) => failed)) process.exitCode = 1;
  return { data: all, text: reportOf(all, isDryRun) };
}

/** A file or template that differs. `difference` is empty where a file is of no template of the service; then `why`. */
type Difference = Readonly<{ file: string | null; id: string | null; difference: string; why?: string }>;

export async function differencesOf(
  call: AdminCall,
  server: Server,
  files: readonly LocalFile[],
): Promise<readonly Difference[]> {
  const all: Difference[] = [];
  const unclaimed = new Map(server.templates);
  for (const local of files) {
    const { id } = local.file;
    const template = id === null ? null : (server.templates.get(id) ?? null);
    if (id !== null) unclaimed.delete(id);
    if (id !== null && template === null) {
      const why = `${local.path}: ${whyGone(await fateOf(call, server.serviceId, id))}`;
      all.push({ file: local.path, id, difference: '', why });
      continue;
    }
    const difference = differenceBetween(template, local);
    if (difference !== '') all.push({ file: local.path, id, difference });
  }
  for (const template of unclaimed.values())
    all.push({ file: null, id: template.id, difference: differenceBetween(template, null) });
  return all;
}
