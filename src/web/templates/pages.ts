import type { Page } from '../frame/page.ts';
import { addPage, draftMailPage, editPage, previewPage } from './editor.ts';
import { addFolderPage, folderPage } from './folders.ts';
import { listPage } from './list.ts';
import { deletePage, templateMailPage, templatePage } from './one.ts';
import { sendPage } from './send.ts';
import { deletedPage, versionsPage } from './versions.ts';

export const templatesPages: readonly Page[] = [
  listPage,
  addPage,
  previewPage,
  draftMailPage,
  deletedPage,
  addFolderPage,
  folderPage,
  templatePage,
  templateMailPage,
  editPage,
  versionsPage,
  deletePage,
  sendPage,
];
