import { parseArgs } from 'node:util';
import { ConfigError } from '../ground/problem.ts';

/** The options by name; a flag that is set has the value `yes`. Throws a ConfigError for an unknown option. */
export function readOptions(
  args: readonly string[],
  names: readonly string[],
  flags: readonly string[] = [],
): Readonly<Record<string, string | undefined>> {
  return readCommand(args, names, flags, 0).options;
}

/** Like `readOptions`, for a command that also takes up to `most` positional arguments. */
export function readCommand(
  args: readonly string[],
  names: readonly string[],
  flags: readonly string[],
  most: number,
): { options: Readonly<Record<string, string | undefined>>; plain: readonly string[] } {
  try {
    const options = Object.fromEntries([
      ...names.map((name) => [name, { type: 'string' as const }]),
      ...flags.map((name) => [name, { type: 'boolean' as const }]),
    ]);
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: most > 0 });
    const damaged = [...Object.values(values), ...positionals].find((value) =>
      String(value).includes('\ufffd'),
    );
    if (damaged !== undefined) throw new Error(`The argument '${damaged}' is not text in UTF-8.`);
    if (positionals.length > most) throw new Error(`Unexpected argument '${positionals[most]}'.`);
    const given = Object.entries(values).map(([name, value]) => [
      name,
      value === true ? 'yes' : (value as string).replace(/^\ufeff/, ''),
    ]);
    return { options: Object.fromEntries(given), plain: positionals };
  } catch (error) {
    throw new ConfigError(
      `${error instanceof Error ? error.message : error} \`despatch help\` lists what a command takes.`,
    );
  }
}

/** A comma-separated list of `known` names; null if the option is absent. Throws a ConfigError. */
export function readNames<Name extends string>(
  option: string,
  given: string | undefined,
  known: readonly Name[],
): readonly Name[] | null {
  if (given === undefined) return null;
  const names = given
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const unknown = names.filter((name) => !known.includes(name as Name));
  if (unknown.length > 0 || names.length === 0)
    throw new ConfigError(
      `--${option} takes a list of ${known.join(', ')}${unknown.length > 0 ? `, not ${unknown.join(', ')}` : ''}.`,
    );
  return names as Name[];
}
