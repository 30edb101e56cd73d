import { join } from 'node:path';
import type { AdminCall } from '../admin-call.ts';
import { fileNameFor, formatTemplateFile, isEdited, saySame } from './file-format.ts';
import { type LocalFile, takenNames, writeTemplateFile } from './folder.ts';
import { type Done, done } from './report.ts';
import { fateOf, type Server } from './server.ts';

/**
 * Writes the templates of a service into a folder. A file with edits that were not pushed is left as it is, unless
 * `force` is set; one whose template is deleted always is.
 */
export async function pull(
  call: AdminCall,
  server: Server,
  { dir, files }: Readonly<{ dir: string; files: readonly LocalFile[] }>,
  { force }: Readonly<{ force: boolean }>,
): Promise<readonly Done[]> {
  const taken = takenNames(dir);
  const byId = new Map(files.map((local) => [local.file.id, local] as const));
  const all: Done[] = [];
  // The oldest first, so that of two with one name the older has the name without a number.
  for (const template of [...server.templates.values()].reverse()) {
    const local = byId.get(template.id);
    const text = formatTemplateFile(template);
    if (local?.text === text) {
      all.push(done(local.path, template, 'unchanged'));
      continue;
    }
    if (local && !force && isEdited(local.file) && !saySame(local.file, template)) {
      all.push(
        done(local.path, template, 'kept', {
          failed: true,
          why: `it has edits that are not on the server, which is at version ${template.version}. \`despatch template diff\` shows them. Push them, or take the server's with --force`,
        }),
      );
      continue;
    }
    const fileName = local?.fileName ?? fileNameFor(template, taken);
    taken.add(fileName);
    writeTemplateFile(dir, fileName, text, local?.text ?? null);
    all.push(done(join(dir, fileName), template, 'written'));
  }
  for (const local of files) {
    const why = await whyNotListed(call, server, local);
    if (why !== null) all.push(done(local.path, local.file, 'kept', { why }));
  }
  return all;
}

async function whyNotListed(
  call: AdminCall,
  { serviceId, templates }: Server,
  { file: { id } }: LocalFile,
): Promise<string | null> {
  if (id === null) return 'the server does not have it yet: push it';
  if (templates.has(id)) return null;
  return whyGone(await fateOf(call, serviceId, id));
}

/** Why a service does not list the template of a file. */
export function whyGone(fate: Awaited<ReturnType<typeof fateOf>>): string {
  return fate === 'deleted'
    ? 'the template is archived on the server: delete the file too, or restore the template'
    : 'the service has no template with this id';
}
