import { compileContent } from '../content/template/template.ts';
import type { NotificationType } from '../database/tables.ts';
import { ConfigError } from '../ground/problem.ts';
import { readTextFile } from '../ground/text.ts';

/** The text of the file named by an option. Throws a ConfigError if it cannot be read or is not UTF-8. */
export function readFileOf(option: string, path: string | undefined): string {
  if (path === undefined) throw new ConfigError(`--${option} is missing: give the path of a file.`);
  return readTextFile(path, `--${option}`);
}

/** The message type of `--type`. Throws a ConfigError for any other. */
export function readType(given: string | undefined): NotificationType {
  if (given === 'sms' || given === 'email') return given;
  throw new ConfigError('--type must be sms or email.');
}

/**
 * What a template file says. An email's subject is its first line, `Subject: …`, unless `subject` is given; undefined if
 * there is neither.
 */
export function splitSubject(type: string | undefined, text: string, subject: string | undefined) {
  const first = type === 'email' ? /^Subject:[ \t]*(.*)\r?\n(?:\r?\n)?/i.exec(text) : null;
  const content = first && subject === undefined ? text.slice(first[0].length) : text;
  return { subject: subject ?? first?.[1], content };
}

/** Parses a template file. */
export function readTemplate(type: NotificationType, text: string, subject: string | undefined) {
  const split = splitSubject(type, text, subject);
  return compileContent(type, split.subject ?? '', split.content);
}
