/** A setting is one environment variable: how it is read, its default, and what the documentation says about it. */

import { ConfigError } from '../ground/problem.ts';

/** Parses the value of one variable. `fallback` applies when the variable is unset or empty. */
export type Reader<T> = Readonly<{
  fallback: T;
  read: (name: string, given: string) => T;
  /** Its value is shown nowhere, only whether there is one. */
  isSecret?: boolean;
}>;

export type Setting<T> = Readonly<{
  /** The first name is the documented one; the others are accepted too. The first one set wins. */
  names: readonly string[];
  reader: Reader<T>;
  /** The default as the documentation shows it. */
  shownDefault: string;
  meaning: string;
}>;

/** The settings of one area, by the name under which the code reads them. */
export type Area = Readonly<Record<string, Setting<unknown>>>;

export type Values<Settings extends Area> = Readonly<{
  [Key in keyof Settings]: Settings[Key] extends Setting<infer T> ? T : never;
}>;

/** `shownDefault`: the default in words, where the value alone would not be clear. */
export function setting<T>(
  name: string | readonly string[],
  reader: Reader<T>,
  meaning: string,
  shownDefault: string = inWords(reader.fallback),
): Setting<T> {
  return { names: typeof name === 'string' ? [name] : name, reader, shownDefault, meaning };
}

function inWords(value: unknown): string {
  if (value === null || value === '') return 'none';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The frozen values of one area. Throws a ConfigError that names the first invalid variable. */
export function readArea<Settings extends Area>(
  area: Settings,
  environment: Readonly<Record<string, string | undefined>>,
): Values<Settings> {
  const values = Object.entries(area).map(([key, { names, reader }]) => {
    const name = names.find((candidate) => (environment[candidate] ?? '').trim() !== '');
    return [
      key,
      name === undefined ? reader.fallback : reader.read(name, givenText(name, environment[name]!)),
    ];
  });
  return Object.freeze(Object.fromEntries(values)) as Values<Settings>;
}

/** Without outer white space and a byte order mark. Bytes that are not UTF-8 arrive as U+FFFD. */
function givenText(name: string, value: string): string {
  if (value.includes('\ufffd'))
    throw new ConfigError(`${name} is not text in UTF-8: set it again, with the terminal or file in UTF-8.`);
  return value.trim();
}

/** Any text. */
export function text<Default extends string | null>(fallback: Default): Reader<string | Default> {
  return { fallback, read: (_, given) => given };
}

/** Text that matches `pattern`. `form` describes the pattern in errors; `isSecret` keeps the value out of them. */
export function matching<Default extends string | null>(
  fallback: Default,
  pattern: RegExp,
  form: string,
  { isSecret = false }: { isSecret?: boolean } = {},
): Reader<string | Default> {
  return {
    ...{ fallback, isSecret },
    read(name, given) {
      if (!pattern.test(given))
        throw new ConfigError(`${name} must be ${form}${isSecret ? '' : `, not "${given}"`}.`);
      return given;
    },
  };
}

/** A whole number from `least` to `most`. */
export function whole(fallback: number, least: number, most: number): Reader<number> {
  return {
    fallback,
    read(name, given) {
      const value = Number(given);
      if (!/^\d+$/.test(given) || value < least || value > most)
        throw new ConfigError(`${name} must be a whole number from ${least} to ${most}, not "${given}".`);
      return value;
    },
  };
}

/** A number from 0 to 1. */
export function fraction(fallback: number): Reader<number> {
  return {
    fallback,
    read(name, given) {
      const value = Number(given);
      if (!/^[\d.]+$/.test(given) || !(value >= 0 && value <= 1))
        throw new ConfigError(`${name} must be a number from 0 to 1, not "${given}".`);
      return value;
    },
  };
}

/** `name=value` pairs, separated by commas; values are percent-encoded, and may be secret. */
export function keyValues(): Reader<Readonly<Record<string, string>> | null> {
  return {
    ...{ fallback: null, isSecret: true },
    read(name, given) {
      const pairs = given.split(',').filter((pair) => pair.trim() !== '');
      try {
        return Object.fromEntries(pairs.map(readPair));
      } catch {
        throw new ConfigError(
          `${name} must be name=value pairs, separated by commas, with values percent-encoded.`,
        );
      }
    },
  };
}

function readPair(pair: string): [string, string] {
  const [, name, value] = /^\s*([\w-]+)\s*=\s*([\x21-\x7e]+)\s*$/.exec(pair) ?? [];
  return [name!.toLowerCase(), decodeURIComponent(value!)];
}

/** 1 or 0, or one of their usual synonyms. */
export function flag<Default extends boolean | null>(fallback: Default): Reader<boolean | Default> {
  return {
    fallback,
    read(name, given) {
      if (['1', 'true', 'yes', 'on'].includes(given.toLowerCase())) return true;
      if (['0', 'false', 'no', 'off'].includes(given.toLowerCase())) return false;
      throw new ConfigError(`${name} must be 1 or 0, not "${given}".`);
    },
  };
}

/** One of `values`, in any case. */
export function oneOf<T extends string, Default extends T | null = T>(
  fallback: Default,
  values: readonly T[],
): Reader<T | Default> {
  return {
    fallback,
    read(name, given) {
      const found = values.find((value) => value === given.toLowerCase());
      if (!found) throw new ConfigError(`${name} must be one of ${values.join(', ')}, not "${given}".`);
      return found;
    },
  };
}

/** A URL with one of `protocols`; trailing slashes are removed. */
export function url(protocols: readonly string[]): Reader<string | null>;
export function url(protocols: readonly string[], fallback: string): Reader<string>;
export function url(protocols: readonly string[], fallback: string | null = null): Reader<string | null> {
  return {
    fallback,
    read(name, given) {
      const parsed = URL.canParse(given) ? new URL(given) : null;
      // The error does not repeat the value: a database URL holds a password.
      if (!parsed || !protocols.includes(parsed.protocol.slice(0, -1)))
        throw new ConfigError(`${name} must be a URL that begins with ${protocols.join(':// or ')}://.`);
      return given.replace(/\/+$/, '');
    },
  };
}

/** A comma-separated list; empty parts are ignored. `check` throws a ConfigError for an invalid part. */
export function list<Default extends readonly string[] | null>(
  fallback: Default,
  check: (name: string, part: string) => void = () => {},
): Reader<readonly string[] | Default> {
  return {
    fallback,
    read(name, given) {
      const parts = given
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');
      for (const part of parts) check(name, part);
      return parts;
    },
  };
}

/** A JSON object whose values pass `isValue`. `form` describes it in errors. */
export function jsonObject<Value, Default extends Readonly<Record<string, Value>> | null>(
  fallback: Default,
  isValue: (value: unknown) => value is Value,
  form: string,
): Reader<Readonly<Record<string, Value>> | Default> {
  return {
    fallback,
    read(name, given) {
      const wrong = new ConfigError(`${name} must be a JSON object ${form}.`);
      let parsed: unknown;
      try {
        parsed = JSON.parse(given);
      } catch {
        throw wrong;
      }
      if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw wrong;
      if (!Object.values(parsed).every(isValue)) throw wrong;
      return parsed as Record<string, Value>;
    },
  };
}

/** A supplier's key, sent unchanged. */
export const supplierKey = matching(null, /^[\x21-\x7e]+$/, 'a key of printable characters without spaces', {
  isSecret: true,
});

/** `user:password`. */
export const userAndPassword = matching(
  null,
  /^[^:\s]+:\S+$/,
  'a user and a password with a colon between them',
  { isSecret: true },
);
