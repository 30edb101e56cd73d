import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../ground/problem.ts';
import { cannotRead, readTextFile } from '../../ground/text.ts';
import { parseTemplateFile, type TemplateFile } from './file-format.ts';

/** A template's file in a folder of files. */
export type LocalFile = Readonly<{
  /** In the folder. */
  fileName: string;
  path: string;
  text: string;
  file: TemplateFile;
}>;

/**
 * The template files of a folder by name: those that end in `.md` or `.txt` and do not begin with a dot. Throws a
 * ConfigError if one cannot be read or parsed, or two have the same id, so that nothing is begun.
 */
export function readFolder(dir: string): readonly LocalFile[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (cause) {
    throw cannotRead(dir, cause);
  }
  const files = names
    .filter((name) => /^[^.].*\.(?:md|txt)$/.test(name))
    .toSorted()
    .map((fileName): LocalFile => {
      const path = join(dir, fileName);
      const text = readTextFile(path);
      return { fileName, path, text, file: parseTemplateFile(text, path) };
    });
  const byId = new Map<string, LocalFile>();
  for (const local of files) {
    const { id } = local.file;
    const first = id === null ? undefined : byId.get(id);
    if (first)
      throw new ConfigError(
        `${first.path} and ${local.path} have the same id. Delete the line "id: …" of the one that is to become a template of its own.`,
      );
    if (id !== null) byId.set(id, local);
  }
  return files;
}

export function makeFolder(dir: string): void {
  mkdirSync(dir, { recursive: true });
}

/** All names in the folder in lower case: some file systems do not tell cases apart. */
export function takenNames(dir: string): Set<string> {
  return new Set(readdirSync(dir).map((name) => name.normalize('NFC').toLowerCase()));
}

/**
 * Writes a file at once: a process that ends in between leaves it as it was. `before` is the text that was read; null if
 * there was no file. Throws a ConfigError if somebody has edited it meanwhile.
 */
export function writeTemplateFile(dir: string, fileName: string, text: string, before: string | null): void {
  const path = join(dir, fileName);
  if (before !== null && readTextFile(path) !== before)
    throw new ConfigError(`${path} was edited while this command ran, so it was not written.`);
  const draft = join(dir, `.${fileName}.${process.pid}`);
  writeFileSync(draft, text);
  renameSync(draft, path);
}
