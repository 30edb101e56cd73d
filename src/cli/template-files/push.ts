import type { AdminCall } from '../admin-call.ts';
import {
  fingerprintOf,
  formatTemplateFile,
  isEdited,
  type KeptTemplate,
  saySame,
  type TemplateFile,
} from './file-format.ts';
import { type LocalFile, writeTemplateFile } from './folder.ts';
import { whyGone } from './pull.ts';
import { type Done, differenceBetween, done } from './report.ts';
import { type Change, createTemplate, fateOf, moveTemplate, type Server, updateTemplate } from './server.ts';

export type PushOptions = Readonly<{
  /** Archives templates that have no file, once everything else is done. */
  archiveMissing: boolean;
  /** Only says what would be done. */
  dryRun: boolean;
}>;

type Pushing = Readonly<{ call: AdminCall; server: Server; dir: string; options: PushOptions }>;

/**
 * Makes a service's templates what the files of a folder say. Each template is a call of its own, so a push can stop
 * half-way: pushing again does what is left, since what the files and the server agree on is left alone. A change is made
 * to the version that the file was written from; if the server has a newer one, the template is left as it is.
 */
export async function push(
  call: AdminCall,
  server: Server,
  { dir, files }: Readonly<{ dir: string; files: readonly LocalFile[] }>,
  options: PushOptions,
): Promise<readonly Done[]> {
  const pushing = { call, server, dir, options };
  const unclaimed = new Map(server.templates);
  for (const { file } of files) if (file.id !== null) unclaimed.delete(file.id);
  const isOurs = files.some(({ file: { id } }) => id !== null && server.templates.has(id));
  const all: Done[] = [];
  for (const local of files) all.push(await trying(local, () => pushFile(pushing, local, unclaimed)));
  for (const template of unclaimed.values()) {
    if (!options.archiveMissing) all.push(done(null, template, 'only on the server'));
    else if (!isOurs || all.some(({ failed }) => failed)) {
      const why = isOurs ? 'something else failed before' : 'no file here is of a template of this service';
      all.push(done(null, template, 'not done', { failed: true, why: `it is not archived: ${why}` }));
    } else all.push(await trying({ path: null, file: template }, () => archive(pushing, template)));
  }
  return all;
}

/** What `work` did. An unexpected error is told of the file: what was done before it is to be told as well. */
async function trying(
  { path, file }: Readonly<{ path: string | null; file: TemplateFile | KeptTemplate }>,
  work: () => Promise<Done>,
): Promise<Done> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return done(path, file, 'not done', { failed: true, why });
  }
}

async function pushFile(
  pushing: Pushing,
  local: LocalFile,
  unclaimed: Map<string, KeptTemplate>,
): Promise<Done> {
  const { call, server } = pushing;
  const { path, file } = local;
  if (file.id === null) {
    // An earlier push may have created it and not come to write down the id.
    const made = [...unclaimed.values()].find((one) => saySame(one, file));
    if (made) unclaimed.delete(made.id);
    return made ? note(pushing, local, made) : await create(pushing, local);
  }
  const template = server.templates.get(file.id);
  if (!template) {
    const fate = await fateOf(call, server.serviceId, file.id);
    const failed = isEdited(file);
    return done(path, file, failed ? 'not done' : 'kept', { failed, why: whyGone(fate) });
  }
  if (saySame(template, file)) return note(pushing, local, template);
  if (!isEdited(file)) {
    const why = `it was not edited, and the server has changed since (version ${template.version}): pull it`;
    return done(path, file, 'kept', { why });
  }
  return await change(pushing, local, { ...file, id: file.id, version: file.version! }, template);
}

/** Writes down the version of a template that says what its file says. */
function note(pushing: Pushing, local: LocalFile, template: KeptTemplate): Done {
  const isWritten = local.text === formatTemplateFile(template);
  if (!isWritten) write(pushing, local, template);
  return done(local.path, template, isWritten ? 'unchanged' : 'noted');
}

async function create(pushing: Pushing, local: LocalFile): Promise<Done> {
  const { call, server, options } = pushing;
  if (options.dryRun) return done(local.path, local.file, 'created');
  return finish(pushing, local, await createTemplate(call, server, local.file), 'created');
}

async function change(
  pushing: Pushing,
  local: LocalFile,
  file: KeptTemplate & TemplateFile,
  template: KeptTemplate,
): Promise<Done> {
  const { call, server, options } = pushing;
  const { id, folder, version } = file;
  // A folder has no version. The file was not moved if, in its folder, the template is what was pulled.
  const isMoved =
    folder !== template.folder && file.pulled !== fingerprintOf({ ...template, folder, version });
  const isOnlyMoved = saySame(template, { ...file, folder: template.folder });
  if (!isOnlyMoved && version !== template.version)
    return finish(pushing, local, { outcome: 'stale', template }, 'changed');
  const outcome = isOnlyMoved ? 'moved' : 'changed';
  if (options.dryRun)
    return done(local.path, file, outcome, { difference: differenceBetween(template, local) });
  const changed: Change = isOnlyMoved
    ? { outcome: 'done', template }
    : await updateTemplate(call, server, id, { version, template: file });
  if (changed.outcome !== 'done' || !isMoved) return finish(pushing, local, changed, outcome);
  const why = await moveTemplate(call, server, id, folder);
  if (why === null)
    return finish(pushing, local, { ...changed, template: { ...changed.template, folder } }, outcome);
  // What was changed is written down; the folder stays an edit, for the next push.
  write(pushing, local, { ...changed.template, folder, pulled: fingerprintOf(changed.template) });
  return done(local.path, changed.template, 'not done', {
    ...{ failed: true, why: isOnlyMoved ? why : `it was changed, but not moved: ${why}` },
  });
}

async function archive({ call, server, options }: Pushing, template: KeptTemplate): Promise<Done> {
  if (options.dryRun) return done(null, template, 'archived');
  const { id, version } = template;
  const changed = await updateTemplate(call, server, id, { version, template: 'archive' });
  if (changed.outcome === 'done') return done(null, changed.template, 'archived');
  const why = changed.outcome === 'refused' ? changed.why : 'somebody has changed it meanwhile';
  return done(null, template, 'not done', { failed: true, why });
}

/** Writes down a template as the server has it now, or tells why it was not changed. */
function finish(pushing: Pushing, local: LocalFile, changed: Change, outcome: Done['outcome']): Done {
  const { path, file } = local;
  if (changed.outcome === 'refused') return done(path, file, 'not done', { failed: true, why: changed.why });
  const { template } = changed;
  if (changed.outcome === 'stale')
    return done(path, file, 'not done', {
      failed: true,
      why: `somebody has changed the template: it is at version ${template.version}, the file at version ${file.version}. Take over what you want of the lines with a minus, write "version: ${template.version}" into the file, and push again`,
      difference: differenceBetween(template, local),
    });
  write(pushing, local, template);
  return done(path, template, outcome);
}

function write({ dir, options }: Pushing, local: LocalFile, template: KeptTemplate | TemplateFile): void {
  if (!options.dryRun) writeTemplateFile(dir, local.fileName, formatTemplateFile(template), local.text);
}
