import { decodeHTML } from 'entities';

/** An element as it was written. Texts are decoded, white space is as it was. */
export type Element = Readonly<{
  name: string;
  attributes: ReadonlyMap<string, string>;
  children: readonly (Element | string)[];
}>;

const empty = new Set('area base br col embed hr img input link meta param source track wbr'.split(' '));
/** Elements whose content is text up to their end tag; in the second, references are decoded. */
const raw = new Set(['script', 'style']);
const plain = new Set(['textarea', 'title']);

const tag =
  /<!--[\s\S]*?-->|<!doctype html>|<\/([a-z][a-z0-9-]*)\s*>|<([a-z][a-z0-9-]*)((?:\s+[a-zA-Z][\w:.-]*(?:="[^"]*"|='[^']*')?)*)\s*(\/?)>/iy;
const attribute = /\s+([a-zA-Z][\w:.-]*)(?:="([^"]*)"|='([^']*)')?/g;

/**
 * Reads markup as the pages and GOV.UK's macros write it: attributes in quotes and each once, every element ended
 * in order. Throws an Error that shows the place where that is not so: a browser would guess there.
 */
export function parseMarkup(text: string): readonly Element[] {
  const root = { name: '', attributes: new Map<string, string>(), children: [] as (Element | string)[] };
  const open = [root];
  const fail = (at: number, what: string): never => {
    throw new Error(`${what}: ${text.slice(Math.max(0, at - 80), at)} HERE ${text.slice(at, at + 120)}`);
  };
  const add = (piece: string) => {
    if (piece !== '') open.at(-1)!.children.push(decodeHTML(piece));
  };
  let at = 0;
  while (at < text.length) {
    const next = text.indexOf('<', at);
    add(text.slice(at, next === -1 ? undefined : next));
    if (next === -1) break;
    tag.lastIndex = next;
    const match = tag.exec(text) ?? fail(next, 'no tag');
    at = tag.lastIndex;
    const [, ended, name, written = '', closed] = match;
    if (ended !== undefined) {
      if (open.length === 1 || open.pop()!.name !== ended.toLowerCase()) fail(next, 'an end out of order');
      continue;
    }
    if (name === undefined) continue;
    const attributes = new Map<string, string>();
    for (const [, key, double, single] of written.matchAll(attribute)) {
      if (attributes.has(key!)) fail(next, `twice the attribute ${key}`);
      attributes.set(key!, decodeHTML(double ?? single ?? ''));
    }
    const element = { name: name.toLowerCase(), attributes, children: [] as (Element | string)[] };
    open.at(-1)!.children.push(element);
    if (empty.has(element.name) || closed === '/') continue;
    if (!raw.has(element.name) && !plain.has(element.name)) {
      open.push(element);
      continue;
    }
    const end = new RegExp(`</${element.name}>`, 'i').exec(text.slice(at)) ?? fail(next, 'no end');
    const content = text.slice(at, at + end.index);
    if (content !== '') element.children.push(raw.has(element.name) ? content : decodeHTML(content));
    at += end.index + end[0].length;
  }
  if (open.length > 1) fail(text.length, `${open.at(-1)!.name} has no end`);
  return root.children.filter((child) => typeof child !== 'string');
}

/** All elements below these, and these, in the order of the document. */
export function everyElement(elements: readonly (Element | string)[]): readonly Element[] {
  return elements.flatMap((one) => (typeof one === 'string' ? [] : [one, ...everyElement(one.children)]));
}

/** The text of an element, with what is below it. */
export function textOf({ children }: Element): string {
  return children.map((child) => (typeof child === 'string' ? child : textOf(child))).join('');
}
