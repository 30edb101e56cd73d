import { parseArgs } from 'node:util';
import { ConfigError, Problem } from '../ground/problem.ts';
import type { LocalApi } from '../process/local-api.ts';
import type { AdminCall } from './admin-call.ts';
import { readCommand } from './arguments.ts';
import { printed } from './output.ts';

/** What follows an action on the command line: options by name (a flag that is set is `yes`), and the rest in order. */
export type Given = Readonly<{
  options: Readonly<Record<string, string | undefined>>;
  plain: readonly string[];
}>;

/** `data`: of the API's answer, which --json prints. `text`: instead of it for people. */
export type Result = Readonly<{ data: unknown; text?: string }>;

/** For what the admin API does not do. */
export type Local = Pick<LocalApi, 'db' | 'clock' | 'runTask'>;

export type Action = Readonly<{
  /**
   * The only list of what the action takes: `<service> --name <name> [--live]`. What is not in brackets is required; an
   * option that no `<…>` follows is a flag.
   */
  usage: string;
  summary: string;
  run(call: AdminCall, given: Given, local: Local): Promise<Result>;
}>;

/** What the command line can do with one kind of thing, by calling the admin API. */
export type Noun = Readonly<{
  name: string;
  summary: string;
  /** The fields that a list shows to people. */
  columns: readonly string[];
  actions: Readonly<Record<string, Action>>;
}>;

/** `despatch <noun> <action> …`. Throws a ConfigError that says what is wrong, in the API's own words if it refused. */
export async function runNoun(noun: Noun, args: readonly string[]): Promise<void> {
  if (args[0] === 'help' || args[0] === '--help') return console.log(helpOf(noun));
  const { given, run } = readAction(noun, args);
  // Loaded last: a wrong command line is refused without the server's code.
  const { withAdminCall } = await import('./admin-call.ts');
  const { data, text } = await withAdminCall(run);
  console.log(given.options['json'] ? JSON.stringify(data, null, 2) : (text ?? printed(data, noun.columns)));
}

/**
 * What a command line asks for, not yet done. Throws a ConfigError if it is wrong.
 *
 * @public for tests
 */
export function readAction(noun: Noun, [name = '', ...args]: readonly string[]) {
  const action = Object.hasOwn(noun.actions, name) ? noun.actions[name] : undefined;
  if (!action)
    throw new ConfigError(
      `\`despatch ${noun.name}\` has these actions: ${Object.keys(noun.actions).join(', ')}. \`despatch help ${noun.name}\` shows what they take.`,
    );
  const given = readGiven(noun.name, name, action, args);
  const run = (call: AdminCall, local: Local): Promise<Result> =>
    action.run(call, given, local).catch((error: unknown) => {
      throw error instanceof Problem ? new ConfigError(error.message) : error;
    });
  return { given, run };
}

/** A noun in the list of all commands. */
export function lineOf({ name, summary, actions }: Noun): string {
  const does = `${summary[0]!.toUpperCase()}${summary.slice(1)}`;
  return `  despatch ${name} ${Object.keys(actions).join('|')} [--json]\n      ${does}: \`despatch help ${name}\`.\n`;
}

/** What each action of a noun takes, for people. */
export function helpOf({ name, summary, actions }: Noun): string {
  const lines = Object.entries(actions).flatMap(([action, { usage, summary: does }]) => [
    ...wrapped(`despatch ${name} ${action} ${usage}`).map(
      (line, index) => `${index === 0 ? '  ' : '    '}${line}`,
    ),
    `      ${does}`,
  ]);
  return [
    `despatch ${name}: ${summary}`,
    '',
    ...lines,
    '',
    'With --json the answer is the JSON of the admin API. <…> may be an id, or the exact name or address.',
  ].join('\n');
}

/** A usage in lines of a terminal, each option in one piece. */
function wrapped(usage: string): string[] {
  const lines: string[] = [];
  for (const piece of usage.match(/\[[^\]]*\]|--[a-z-]+ <[^>]*>|<[^>]*>|\S+/g) ?? []) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + piece.length < 108) lines[lines.length - 1] = `${last} ${piece}`;
    else lines.push(piece);
  }
  return lines;
}

type Usage = Readonly<{ options: string[]; flags: string[]; required: string[]; plain: string[] }>;

function readUsage(usage: string): Usage {
  const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map((match) => match[1]!);
  const withValue = /--([a-z-]+) <[^>]+>/g;
  const withoutOptions = usage.replace(withValue, '').replace(/\[[^\]]*\]/g, '');
  return {
    options: matches(usage, withValue),
    flags: matches(usage, /--([a-z-]+)(?! <|[a-z-])/g),
    required: matches(usage.replace(/\[[^\]]*\]/g, ''), withValue),
    plain: matches(withoutOptions, /<([^>]+)>/g),
  };
}

function readGiven(noun: string, name: string, { usage }: Action, args: readonly string[]): Given {
  const { options, flags, required, plain } = readUsage(usage);
  const given = readCommand(args, options, [...flags, 'json'], plain.length);
  const { tokens } = parseArgs({ args: [...args], strict: false, tokens: true });
  const named = tokens.filter((token) => token.kind === 'option').map((token) => token.name);
  const twice = named.find((option, index) => named.indexOf(option) < index);
  const lacks = required.find((option) => given.options[option] === undefined);
  const fault =
    twice !== undefined
      ? `--${twice} is given twice.`
      : given.plain.length < plain.length
        ? `<${plain[given.plain.length]}> is missing.`
        : lacks !== undefined
          ? `--${lacks} is missing.`
          : null;
  if (fault) throw new ConfigError(`${fault} It is: despatch ${noun} ${name} ${usage}`);
  return given;
}
