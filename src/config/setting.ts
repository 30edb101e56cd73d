import { ConfigError } from '../ground/config-error.ts';

/** How the text of one variable is read. `standard` is the value where it was not given (empty counts as not given). */
export type Reader<T> = Readonly<{ standard: T; read: (name: string, text: string) => T }>;

/** A variable: its names (the first is the one we tell of), its default as people read it, and what it means. */
export type Variable<T> = Readonly<{
  names: readonly string[];
  reader: Reader<T>;
  standard: string;
  meaning: string;
}>;

/** `standard`: the default in words, where the value itself does not say it. */
export function variable<T>(
  name: string | readonly string[],
  reader: Reader<T>,
  meaning: string,
  standard: string = inWords(reader.standard),
): Variable<T> {
  return { names: typeof name === 'string' ? [name] : name, reader, standard, meaning };
}

function inWords(value: unknown): string {
  if (value === null || value === '') return 'none';
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Anything. */
export function text<Default extends string | null>(standard: Default): Reader<string | Default> {
  return { standard, read: (_, given) => given };
}

/** A text of the form `pattern`. `form` says in words what it must be; `repeats`: the value may be told in the error. */
export function matching<Default extends string | null>(
  standard: Default,
  pattern: RegExp,
  form: string,
  { repeats = true }: { repeats?: boolean } = {},
): Reader<string | Default> {
  return {
    standard,
    read(name, given) {
      if (!pattern.test(given))
        throw new ConfigError(`${name} must be ${form}${repeats ? `, not "${given}"` : ''}.`);
      return given;
    },
  };
}

/** A whole number. */
export function whole(standard: number, least: number, most: number): Reader<number> {
  return {
    standard,
    read(name, given) {
      const value = Number(given);
      if (!/^\d+$/.test(given) || value < least || value > most)
        throw new ConfigError(`${name} must be a whole number from ${least} to ${most}, not "${given}".`);
      return value;
    },
  };
}

/** 1 or 0, and other words for them. */
export function flag(standard: boolean): Reader<boolean> {
  return {
    standard,
    read(name, given) {
      if (['1', 'true', 'yes', 'on'].includes(given.toLowerCase())) return true;
      if (['0', 'false', 'no', 'off'].includes(given.toLowerCase())) return false;
      throw new ConfigError(`${name} must be 1 or 0, not "${given}".`);
    },
  };
}

export function oneOf<T extends string>(standard: T, values: readonly T[]): Reader<T> {
  return {
    standard,
    read(name, given) {
      const found = values.find((value) => value === given.toLowerCase());
      if (!found) throw new ConfigError(`${name} must be one of ${values.join(', ')}, not "${given}".`);
      return found;
    },
  };
}

export function url(protocols: readonly string[]): Reader<string | null>;
export function url(protocols: readonly string[], standard: string): Reader<string>;
export function url(protocols: readonly string[], standard: string | null = null): Reader<string | null> {
  return {
    standard,
    read(name, given) {
      const parsed = URL.canParse(given) ? new URL(given) : null;
      // The value itself is not repeated: a database URL holds a password.
      if (!parsed || !protocols.includes(parsed.protocol.slice(0, -1)))
        throw new ConfigError(`${name} must be a URL that begins with ${protocols.join(':// or ')}://.`);
      return given.replace(/\/+$/, '');
    },
  };
}

/** A list with commas; empty parts are left out. `check` throws for a part that it does not take. */
export function list<Default extends readonly string[] | null>(
  standard: Default,
  check: (name: string, part: string) => void = () => {},
): Reader<readonly string[] | Default> {
  return {
    standard,
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

/** A JSON object. `isValue` says which values it may hold, `form` in words what it must be. */
export function jsonObject<Value, Default extends Readonly<Record<string, Value>> | null>(
  standard: Default,
  isValue: (value: unknown) => value is Value,
  form: string,
): Reader<Readonly<Record<string, Value>> | Default> {
  return {
    standard,
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
