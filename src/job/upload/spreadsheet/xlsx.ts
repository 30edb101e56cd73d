/**
 * The parts of an Office Open XML workbook (.xlsx, .xlsm) that its first visible sheet needs: which parts they are, the
 * texts that its cells share, and how its number formats show numbers. Transitional and strict workbooks are read.
 */
import type { Archive } from './archive.ts';
import { builtInKind, extended, kindOfFormat, type NumberKind } from './cell-text.ts';
import { Refusal } from './refusal.ts';
import { attribute, isSet, readXml, type XmlElement, type XmlReader } from './xml.ts';

const mainSpaces: ReadonlySet<string> = new Set([
  'http://schemas.openxmlformats.org/spreadsheetml/2006/main',
  'http://purl.oclc.org/ooxml/spreadsheetml/main',
]);
const relationshipSpaces: ReadonlySet<string> = new Set([
  'http://schemas.openxmlformats.org/officeDocument/2006/relationships',
  'http://purl.oclc.org/ooxml/officeDocument/relationships',
]);

/** Bytes of the shared texts of all sheets, and of any other part but a sheet. */
const maxSharedBytes = 64 * 1024 * 1024;
const maxPartBytes = 16 * 1024 * 1024;
/** Shared texts, however short. */
const maxSharedTexts = 4_000_000;

export type XlsxWorkbook = Readonly<{
  /** The part of the first visible sheet. */
  sheet: string;
  texts: readonly string[];
  /** How the formats show numbers, by the position that a cell names. */
  kinds: readonly NumberKind[];
  /** Days count from 1904. */
  is1904: boolean;
}>;

/** Whether these bytes are packed as an Office Open XML document. */
export function isOfficeOpenXml(archive: Archive): boolean {
  return archive.has(rootRelationships);
}

const rootRelationships = '_rels/.rels';

/** Reads all but the sheet. Throws a `Refusal` for what is no workbook. */
export async function openXlsx(archive: Archive): Promise<XlsxWorkbook> {
  const root = await readRelationships(archive, rootRelationships, '');
  const main = root.find(({ type }) => type === 'officeDocument')?.target;
  if (main === undefined) throw new Refusal('not-a-workbook');
  const folder = main.slice(0, main.lastIndexOf('/') + 1);
  const relationships = await readRelationships(
    archive,
    `${folder}_rels/${main.slice(folder.length)}.rels`,
    folder,
  );
  const { sheets, is1904 } = await readMain(archive, main);
  const targets = sheets.map((id) => relationships.find((relationship) => relationship.id === id));
  const sheet = targets.find((target) => target === undefined || target.type === 'worksheet')?.target;
  if (sheet === undefined) throw new Refusal('not-a-workbook');
  const partOf = (wanted: string) => relationships.find(({ type }) => type === wanted)?.target;
  const texts = partOf('sharedStrings');
  const styles = partOf('styles');
  return {
    sheet,
    is1904,
    texts: texts === undefined ? [] : await readTexts(archive, texts),
    kinds: styles === undefined ? [] : await readKinds(archive, styles),
  };
}

type Relationship = Readonly<{ id: string; type: string; target: string }>;

/** The relationships of one part; targets as names of parts. */
async function readRelationships(
  archive: Archive,
  part: string,
  folder: string,
): Promise<readonly Relationship[]> {
  const found: Relationship[] = [];
  await readPart(archive, part, maxPartBytes, {
    open(element) {
      const [id, type, target] = ['Id', 'Type', 'Target'].map((name) => attribute(element, name));
      if (element.local !== 'Relationship' || attribute(element, 'TargetMode') === 'External') return false;
      if (id !== undefined && type !== undefined && target !== undefined)
        found.push({ id, type: type.slice(type.lastIndexOf('/') + 1), target: nameOf(target, folder) });
      return false;
    },
    close() {},
    text() {},
  });
  return found;
}

/** The name of the part that `target` means: from the root of the archive, or from the folder of the part with it. */
function nameOf(target: string, folder: string): string {
  const names: string[] = [];
  for (const name of (target.startsWith('/') ? target : folder + target).replaceAll('\\', '/').split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.join('/');
}

/** The relationships of the visible sheets in order. */
async function readMain(archive: Archive, part: string) {
  const sheets: string[] = [];
  let is1904 = false;
  await readPart(archive, part, maxPartBytes, {
    open(element) {
      if (!isMain(element)) return true;
      if (element.local === 'workbookPr') is1904 = isSet(element, 'date1904');
      const state = attribute(element, 'state') ?? 'visible';
      if (element.local === 'sheet' && state === 'visible') {
        const id = Object.values(element.attributes).find(
          ({ local, uri }) => local === 'id' && relationshipSpaces.has(uri),
        );
        sheets.push(id?.value ?? '');
      }
      return false;
    },
    close() {},
    text() {},
  });
  return { sheets, is1904 };
}

async function readTexts(archive: Archive, part: string): Promise<readonly string[]> {
  const texts: string[] = [];
  const reader = new RichText();
  await readPart(archive, part, maxSharedBytes, {
    open(element) {
      if (element.local === 'si') reader.begin();
      return !isMain(element) || reader.open(element);
    },
    close(element) {
      reader.close(element);
      if (element.local !== 'si') return;
      texts.push(reader.end());
      if (texts.length > maxSharedTexts) throw new Refusal('too-long');
    },
    text(text) {
      reader.add(text);
    },
  });
  return texts;
}

async function readKinds(archive: Archive, part: string): Promise<readonly NumberKind[]> {
  const formats = new Map<number, NumberKind>();
  const kinds: NumberKind[] = [];
  let isCellFormats = false;
  await readPart(archive, part, maxPartBytes, {
    open(element) {
      if (!isMain(element)) return true;
      const id = Number(attribute(element, 'numFmtId') ?? 0);
      // A conditional format has formats of its own, which show only what meets the condition.
      if (element.local === 'dxfs') return true;
      if (element.local === 'numFmt') formats.set(id, kindOfFormat(attribute(element, 'formatCode') ?? ''));
      if (element.local === 'cellXfs') isCellFormats = true;
      if (element.local === 'xf' && isCellFormats) kinds.push(formats.get(id) ?? builtInKind(id));
      return false;
    },
    close({ local }) {
      if (local === 'cellXfs') isCellFormats = false;
    },
    text() {},
  });
  return kinds;
}

async function readPart(archive: Archive, part: string, maxBytes: number, reader: XmlReader): Promise<void> {
  for await (const _ of readXml(archive.read(part, maxBytes), reader));
}

/** Whether an element is of the vocabulary of spreadsheets; others are extensions, which may be left out. */
export function isMain({ uri }: XmlElement): boolean {
  return mainSpaces.has(uri);
}

/** A text in runs with formats of their own, without its phonetic runs, which say how others are pronounced. */
export class RichText {
  #text = '';
  #isText = false;

  begin(): void {
    this.#text = '';
  }

  /** Whether the element is left out. */
  open({ local }: XmlElement): boolean {
    this.#isText = local === 't';
    return local === 'rPh';
  }

  close({ local }: XmlElement): void {
    if (local === 't') this.#isText = false;
  }

  add(text: string): void {
    if (this.#isText) this.#text = extended(this.#text, text);
  }

  end(): string {
    return unescaped(this.#text);
  }
}

/** `_x000D_` stands for the character with that code, which XML may not be able to hold. */
export function unescaped(text: string): string {
  if (!text.includes('_x')) return text;
  return text
    .replace(/_x([0-9a-f]{4})_/gi, (_, code: string) =>
      code === '0000' ? '' : String.fromCharCode(Number.parseInt(code, 16)),
    )
    .toWellFormed();
}
