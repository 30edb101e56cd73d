import { trimBeforePunctuation, WHITE_SPACE } from './whitespace.ts';

const SPACE = `[${WHITE_SPACE}]`;
const WORD = '[\\p{L}\\p{N}_]';
const EN_DASH = new RegExp(`(?<!${SPACE})${SPACE}+[-–—]{1,3}${SPACE}+`, 'g');
const EN_DASH_IN_LINE = new RegExp(`(?<!${SPACE})(?:(?!\n)${SPACE})+[-–—]{1,3}${SPACE}+`, 'g');
// The same in little, to leave most texts alone at once.
const DASH_BETWEEN_SPACES = new RegExp(`${SPACE}[-–—]{1,3}${SPACE}`);
const EMAIL_ADDRESS = new RegExp(`[^${WHITE_SPACE}]+`, 'g');
const UNTOUCHED = /^<(\/?)(a|pre|samp|code|tt|kbd|script|style|math)(?![\w-])/i;
const STARTS_WITH_INK = new RegExp(`^[^${WHITE_SPACE}]`);
const NEEDS_WORK = /['"\\]|&#82/;

const GOV_UK = new RegExp(`(^|${SPACE})([#*^]?)(GOV)\\.(UK)(?![/?#])`, 'gi');

// The steps of spec 02 section 3.7, in their order.
const CLOSING = `([^ \\t\\r\\n[{(-])`;
const OPENING = `(${SPACE}|&nbsp;|--|&[mn]dash;|&#821[12];|&#x201[34];)`;
const DECADE = new RegExp(`(?<=${WORD})'(?=\\p{Nd}{2}s)`, 'gu');
const DOUBLE_THEN_SINGLE = new RegExp(`"'(?=${WORD})`, 'gu');
const SINGLE_THEN_DOUBLE = new RegExp(`'"(?=${WORD})`, 'gu');
const OPENING_SINGLE = new RegExp(`${OPENING}'(?=${WORD})`, 'gu');
const OPENING_DOUBLE = new RegExp(`${OPENING}"(?=${WORD})`, 'gu');
const LONE_S = `s(?!${WORD})`;
const CLOSING_SINGLE = new RegExp(`${CLOSING}'(?!${SPACE}|${LONE_S}|\\p{Nd})`, 'gu');
const CLOSING_SINGLE_BEFORE_SPACE = new RegExp(`${CLOSING}'(${SPACE}|${LONE_S})`, 'gu');
const DOUBLE_BEFORE_SPACE = new RegExp(`"(?=${SPACE})`, 'gu');
const CLOSING_DOUBLE = new RegExp(`${CLOSING}"`, 'gu');
const CHARACTERS: Readonly<Record<string, string>> = {
  '&#8211;': '–',
  '&#8212;': '—',
  '&#8216;': '‘',
  '&#8217;': '’',
  '&#8220;': '“',
  '&#8221;': '”',
  '&#8230;': '…',
};

/**
 * Typographic quotes and dashes for HTML or running text (spec 02 section 3.9). Tags are left alone. In plain text
 * `keepLines` leaves a line alone that starts with a hyphen, which the line before would swallow (section 12.8).
 */
export function typeset(text: string, { keepLines = false } = {}): string {
  const quoted = straightQuotesInEmailAddresses(smartQuotes(trimBeforePunctuation(text)));
  return enDashes(quoted, { keepLines });
}

/** Hyphens between spaces become an en dash (spec 02 section 3.6); `keepLines` as in `typeset`. */
export function enDashes(text: string, { keepLines = false } = {}): string {
  if (!DASH_BETWEEN_SPACES.test(text)) return text;
  return text.replace(keepLines ? EN_DASH_IN_LINE : EN_DASH, ' – ');
}

/**
 * Straight quotes become curly ones (spec 02 section 3.7), in text between tags and outside elements such as `a` and
 * `pre`. Backslash escapes become references.
 */
export function smartQuotes(html: string): string {
  if (!NEEDS_WORK.test(html)) return html;
  if (!html.includes('<')) return smartRun(html, '');
  let result = '';
  let previous = '';
  let shown = 0;
  const untouched: string[] = [];
  const addRun = (run: string) => {
    if (run === '') return;
    result += untouched.length > 0 ? run : smartRun(run, previous);
    previous = run.at(-1)!;
  };
  let noComment = false;
  for (let open = html.indexOf('<'); open !== -1; open = html.indexOf('<', shown)) {
    let end = 0;
    if (!noComment && html.startsWith('<!--', open)) {
      end = html.indexOf('-->', open + 4) + 3;
      noComment = end === 2;
    }
    if (end < 3) end = html.indexOf('>', open) + 1;
    if (end === 0) break;
    addRun(html.slice(shown, open));
    const tag = html.slice(open, end);
    const found = UNTOUCHED.exec(tag);
    const name = found?.[2]?.toLowerCase();
    if (name && found?.[1] === '') untouched.push(name);
    else if (name && untouched.at(-1) === name) untouched.pop();
    result += tag;
    shown = end;
  }
  addRun(html.slice(shown));
  return result;
}

/** One run of text without tags; `previous` is the last character of the run before it, or nothing. */
function smartRun(run: string, previous: string): string {
  if (!NEEDS_WORK.test(run)) return run;
  const escaped = run.replace(/\\([\\"'.\-`])/g, (_, character: string) => `&#${character.charCodeAt(0)};`);
  const closes = STARTS_WITH_INK.test(previous);
  if (escaped === "'") return closes ? '’' : '‘';
  if (escaped === '"') return closes ? '”' : '“';
  let set = escaped;
  if (set.includes("'")) {
    set = set
      .replace(DOUBLE_THEN_SINGLE, '“‘')
      .replace(SINGLE_THEN_DOUBLE, '‘“')
      .replace(DECADE, '’')
      .replace(OPENING_SINGLE, '$1‘')
      .replace(CLOSING_SINGLE, '$1’')
      .replace(CLOSING_SINGLE_BEFORE_SPACE, '$1’$2')
      .replaceAll("'", '‘');
  }
  if (set.includes('"')) {
    set = set
      .replace(OPENING_DOUBLE, '$1“')
      .replace(DOUBLE_BEFORE_SPACE, '”')
      .replace(CLOSING_DOUBLE, '$1”')
      .replaceAll('"', '“');
  }
  return set.replace(/&#82[0-9]{2};/g, (reference) => CHARACTERS[reference] ?? reference);
}

/** Curly single quotes in anything with an at sign inside made straight again (spec 02 section 3.8). */
export function straightQuotesInEmailAddresses(text: string): string {
  if (!text.includes('@') || !/[‘’]/.test(text)) return text;
  return text.replace(EMAIL_ADDRESS, (word) => {
    const at = word.indexOf('@', 1);
    return at === -1 || at === word.length - 1 ? word : word.replace(/[‘’]/g, "'");
  });
}

/**
 * A bare `GOV.UK` broken by a zero-width space, so that mail readers do not make it a link (spec 02 section 3.10).
 */
export function breakGovUk(text: string): string {
  return text.replace(GOV_UK, '$1$2$3.\u200b$4');
}

/** Characters that some mail readers cannot show, deleted (spec 02 section 3.11). */
export function stripUnsupported(text: string): string {
  return text.replace(/\u2028|\u3164/g, '');
}
