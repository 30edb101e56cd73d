/**
 * XML as a stream of elements, for any bytes: a document type ends the reading, so that no entity is ever defined, and
 * nothing grows beyond a bound.
 */
import { SaxesParser, type SaxesTagNS } from 'saxes';
import { Refusal } from './refusal.ts';

export type XmlElement = SaxesTagNS;

export type XmlReader = {
  /** True means that the element and what is in it are left out: neither it nor its content is reported. */
  open(element: XmlElement): boolean;
  close(element: XmlElement): void;
  text(text: string): void;
  /** True once nothing more is needed. */
  readonly isDone?: boolean;
};

/** Elements inside each other; documents of spreadsheets have a dozen. */
const maxDepth = 256;

/** Characters without an element or text that is complete: no cell is as long. */
const maxTokenLength = 4 * 1024 * 1024;

/** Reads a document to its end, or until `reader` is done; yields after each piece. */
export async function* readXml(
  pieces: AsyncIterable<Uint8Array>,
  reader: XmlReader,
): AsyncGenerator<void, void, void> {
  const parser = new SaxesParser({ xmlns: true, position: false });
  let pending = 0;
  let depth = 0;
  /** How deep in an element that is left out. */
  let skipped = 0;
  const text = (value: string) => {
    pending = 0;
    if (skipped === 0) reader.text(value);
  };
  parser.on('error', refuse);
  parser.on('doctype', refuse);
  parser.on('text', text);
  parser.on('cdata', text);
  parser.on('opentag', (element) => {
    pending = 0;
    depth += 1;
    if (depth > maxDepth) refuse();
    if (skipped > 0 || reader.open(element)) skipped += 1;
  });
  parser.on('closetag', (element) => {
    pending = 0;
    depth -= 1;
    if (skipped > 0) skipped -= 1;
    else reader.close(element);
  });
  for await (const piece of decoded(pieces)) {
    pending += piece.length;
    parser.write(piece);
    if (pending > maxTokenLength) refuse();
    yield;
    if (reader.isDone) return;
  }
  parser.close();
}

function refuse(): never {
  throw new Refusal('not-a-workbook');
}

/** The text of a document in UTF-8 or, with a byte-order mark, UTF-16: no other encoding occurs in workbooks. */
export async function* decoded(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  let decoder: InstanceType<typeof TextDecoder> | null = null;
  for await (const piece of pieces) {
    decoder ??= new TextDecoder(encodingOf(piece), { fatal: true });
    yield strict(decoder, piece);
  }
  if (decoder) yield strict(decoder);
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return 'utf-8';
}

function strict(decoder: InstanceType<typeof TextDecoder>, piece?: Uint8Array): string {
  try {
    return piece ? decoder.decode(piece, { stream: true }) : decoder.decode();
  } catch {
    return refuse();
  }
}

/** The value of an attribute without a prefix. */
export function attribute({ attributes }: XmlElement, name: string): string | undefined {
  return attributes[name]?.value;
}

/** Whether an attribute without a prefix says yes. */
export function isSet(element: XmlElement, name: string): boolean {
  const value = attribute(element, name);
  return value === '1' || value === 'true';
}
