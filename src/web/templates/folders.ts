import { html } from '../../ground/html.ts';
import { heading, paragraph } from '../components/content.ts';
import { button, errorSummary, input, postForm } from '../components/form.ts';
import type { Api } from '../frame/api.ts';
import { type Answer, Missing, page, redirect, type ServiceVisit, servicePage } from '../frame/page.ts';

/** A folder of templates (spec 04, section 5.6). */
export type Folder = Readonly<{ id: string; name: string; parent_id: string | null }>;

export async function readFolders(api: Api, serviceId: string): Promise<readonly Folder[]> {
  const path = `/service/${serviceId}/template-folder`;
  return (await api.get<{ template_folders: readonly Folder[] }>(path)).template_folders;
}

/** A folder and those around it, the outermost first. Throws Missing. */
export function pathTo(folders: readonly Folder[], id: string | null): readonly Folder[] {
  const path: Folder[] = [];
  for (let at = id; at !== null && path.length < folders.length; ) {
    const folder = folders.find((one) => one.id === at);
    if (!folder) throw new Missing('No such folder');
    path.unshift(folder);
    at = folder.parent_id;
  }
  if (id !== null && path.length === 0) throw new Missing('No such folder');
  return path;
}

/** The names of a folder and those around it: "Tides › Spring". */
export function folderName(folders: readonly Folder[], id: string): string {
  return pathTo(folders, id)
    .map(({ name }) => name)
    .join(' › ');
}

const inFolder = (id: string | null) => `/templates${id === null ? '' : `?folder=${encodeURIComponent(id)}`}`;

function nameForm(
  { at, fields, path }: ServiceVisit,
  {
    title,
    text,
    parent,
    name = '',
    error = null,
    more = null,
  }: Readonly<{
    title: string;
    text: string;
    parent: string | null;
    name?: string;
    error?: string | null;
    more?: ReturnType<typeof html> | null;
  }>,
): Answer {
  return page(
    title,
    html`${errorSummary(error === null ? [] : [{ text: error, href: '#name' }])}${heading(1, title)}${postForm(
      { action: path, fields },
      html`<input type="hidden" name="parent" value="${parent ?? ''}">`,
      input({
        name: 'name',
        label: 'Name of the folder',
        value: name,
        error: error === null ? null : { text: error },
        attributes: { dir: 'auto', autocomplete: 'off' },
      }),
      button({ text, name: 'do', value: 'save', preventDoubleClick: true }),
    )}${more}`,
    {
      isError: error !== null,
      status: error === null ? 200 : 400,
      back: { href: at(inFolder(parent)), text: 'Templates' },
    },
  );
}

function nameFault(name: string): string | null {
  if (name === '') return 'Enter a name for the folder';
  return name.length > 255 ? 'The name can have 255 characters at most' : null;
}

export const addFolderPage = servicePage('/templates/folders/add', 'manage_templates', {
  get: (visit) =>
    nameForm(visit, { title: 'New folder', text: 'Add folder', parent: visit.query.get('folder') || null }),
  async post(visit, form) {
    const { api, service, at } = visit;
    const parent = form.text('parent') || null;
    const name = form.text('name').trim();
    const refused = (error: string) =>
      nameForm(visit, { ...{ title: 'New folder', text: 'Add folder' }, parent, name, error });
    const fault = nameFault(name);
    if (fault !== null) return refused(fault);
    const made = await api.send<{ data: Folder }>(
      'POST',
      `/service/${service.id}/template-folder`,
      { name, parent_id: parent },
      form.id,
    );
    if (!made.ok) return refused(Object.values(made.fields).flat().join(' '));
    return redirect(at(inFolder(made.data.data.id)), 'Folder added.');
  },
});

/** Renaming a folder, and deleting one that is empty. */
export const folderPage = servicePage('/templates/folders/:folder', 'manage_templates', {
  async get(visit) {
    const { folder } = await readOne(visit);
    return folderForm(visit, folder, folder.name, null);
  },
  async post(visit, form) {
    const { api, service, at } = visit;
    const { folder } = await readOne(visit);
    const path = `/service/${service.id}/template-folder/${folder.id}`;
    if (form.text('do') === 'delete') {
      const outcome = await api.send('DELETE', path, undefined);
      if (!outcome.ok)
        return folderForm(
          visit,
          folder,
          folder.name,
          'Only an empty folder can be deleted. Move what is in it first.',
        );
      return redirect(at(inFolder(folder.parent_id)), 'Folder deleted.');
    }
    const name = form.text('name').trim();
    const fault = nameFault(name);
    if (fault !== null) return folderForm(visit, folder, name, fault);
    const outcome = await api.send('POST', path, { name }, form.id);
    if (!outcome.ok) return folderForm(visit, folder, name, Object.values(outcome.fields).flat().join(' '));
    return redirect(at(inFolder(folder.id)), 'Folder renamed.');
  },
});

async function readOne({ api, service, params }: ServiceVisit): Promise<Readonly<{ folder: Folder }>> {
  const folders = await readFolders(api, service.id);
  const folder = folders.find(({ id }) => id === params['folder']);
  if (!folder) throw new Missing('No such folder');
  return { folder };
}

function folderForm(visit: ServiceVisit, folder: Folder, name: string, error: string | null): Answer {
  return nameForm(visit, {
    ...{ title: 'Change folder', text: 'Rename', parent: folder.id, name, error },
    more: html`${heading(2, 'Delete')}${paragraph('Only an empty folder can be deleted. Move what is in it first.')}${postForm(
      { action: visit.path, fields: visit.fields },
      button({
        text: 'Delete folder',
        name: 'do',
        value: 'delete',
        classes: 'govuk-button--warning',
        preventDoubleClick: true,
      }),
    )}`,
  });
}
