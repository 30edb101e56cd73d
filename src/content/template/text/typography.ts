import { trimBeforePunctuation, whiteSpace } from './whitespace.ts';

const space = `[${whiteSpace}]`;
const wordCharacter = '[\\p{L}\\p{N}_]';
const enDash = new RegExp(`(?<!${space})${space}+[-–—]{1,3}${space}+`, 'g');
const enDashInLine = new RegExp(`(?<!${space})(?:(?!\n)${space})+[-–—]{1,3}${space}+`, 'g');
// A cheap test: most texts have no such dash.
const dashBetweenSpaces = new RegExp(`${space}[-–—]{1,3}${space}`);
const word = new RegExp(`[^${whiteSpace}]+`, 'g');
const untouchedElement = /^<(\/?)(a|pre|samp|code|tt|kbd|script|style|math)(?![\w-])/i;
const startsWithNonSpace = new RegExp(`^[^${whiteSpace}]`);
const inlineEnd =
  /^<\/(?:a|abbr|b|bdi|bdo|cite|code|del|dfn|em|i|ins|kbd|mark|q|s|samp|small|span|strong|sub|sup|tt|u|var)(?![\w-])/i;
const needsWork = /['"\\]|&#82/;

const govUk = new RegExp(`(^|${space})([#*^]?)(GOV)\\.(UK)(?![/?#])`, 'gi');

// For the steps of spec 02, section 3.7, in their order.
const beforeClosing = `([^ \\t\\r\\n[{(-])`;
const afterInline = new RegExp(
  `^(?:"(?=[\\p{P}\\p{S}])|'(?=[\\p{P}\\p{S}]|${space}|s(?!${wordCharacter})))`,
  'u',
);
const beforeOpening = `(${space}|&nbsp;|--|&[mn]dash;|&#821[12];|&#x201[34];)`;
const decade = new RegExp(`(?<=${wordCharacter})'(?=\\p{Nd}{2}s)`, 'gu');
const doubleThenSingle = new RegExp(`"'(?=${wordCharacter})`, 'gu');
const singleThenDouble = new RegExp(`'"(?=${wordCharacter})`, 'gu');
const openingSingle = new RegExp(`${beforeOpening}'(?=${wordCharacter})`, 'gu');
const openingDouble = new RegExp(`${beforeOpening}"(?=${wordCharacter})`, 'gu');
const loneS = `s(?!${wordCharacter})`;
const closingSingle = new RegExp(`${beforeClosing}'(?!${space}|${loneS}|\\p{Nd})`, 'gu');
const closingSingleBeforeSpace = new RegExp(`${beforeClosing}'(${space}|${loneS})`, 'gu');
const doubleBeforeSpace = new RegExp(`"(?=${space})`, 'gu');
const closingDouble = new RegExp(`${beforeClosing}"`, 'gu');
const typographicReferences: Readonly<Record<string, string>> = {
  '&#8211;': '–',
  '&#8212;': '—',
  '&#8216;': '‘',
  '&#8217;': '’',
  '&#8220;': '“',
  '&#8221;': '”',
  '&#8230;': '…',
};

/**
 * Sets typographic quotes and dashes in HTML or plain text (spec 02, section 3.9); tags stay untouched. `keepLines`
 * keeps the line break before a line that starts with a hyphen, as plain text needs (spec 02, section 12.8).
 */
export function typeset(text: string, { keepLines = false } = {}): string {
  const quoted = straightQuotesInEmailAddresses(smartQuotes(trimBeforePunctuation(text)));
  return enDashes(quoted, { keepLines });
}

/** Turns hyphens between spaces into an en dash (spec 02, section 3.6); `keepLines` as in `typeset`. */
export function enDashes(text: string, { keepLines = false } = {}): string {
  if (!dashBetweenSpaces.test(text)) return text;
  return text.replace(keepLines ? enDashInLine : enDash, ' – ');
}

/**
 * Turns straight quotes into curly ones (spec 02, section 3.7), except in tags and inside elements such as `a` and
 * `pre`. Backslash escapes become character references.
 */
export function smartQuotes(html: string): string {
  if (!needsWork.test(html)) return html;
  if (!html.includes('<')) return smartRun(html, '');
  let result = '';
  let previous = '';
  let shown = 0;
  let afterInlineElement = false;
  const openElements: string[] = [];
  const addRun = (run: string) => {
    if (run === '') return;
    result += openElements.length > 0 ? run : smartRun(run, previous, afterInlineElement);
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
    const found = untouchedElement.exec(tag);
    const name = found?.[2]?.toLowerCase();
    if (name && found?.[1] === '') openElements.push(name);
    else if (name && openElements.at(-1) === name) openElements.pop();
    afterInlineElement = inlineEnd.test(tag);
    result += tag;
    shown = end;
  }
  addRun(html.slice(shown));
  return result;
}

/**
 * Sets one run of text without tags. `previous` is the last character of the run before it, or empty; after an inline
 * element it stands directly before this run (spec 02, section 12.12).
 */
function smartRun(run: string, previous: string, afterInlineElement = false): string {
  if (!needsWork.test(run)) return run;
  const escaped = run.replace(/\\([\\"'.\-`])/g, (_, character: string) => `&#${character.charCodeAt(0)};`);
  const closes = startsWithNonSpace.test(previous);
  if (escaped === "'") return closes ? '’' : '‘';
  if (escaped === '"') return closes ? '”' : '“';
  let set = escaped;
  if (afterInlineElement && closes) set = set.replace(afterInline, (quote) => (quote === '"' ? '”' : '’'));
  if (set.includes("'")) {
    set = set
      .replace(doubleThenSingle, '“‘')
      .replace(singleThenDouble, '‘“')
      .replace(decade, '’')
      .replace(openingSingle, '$1‘')
      .replace(closingSingle, '$1’')
      .replace(closingSingleBeforeSpace, '$1’$2')
      .replaceAll("'", '‘');
  }
  if (set.includes('"')) {
    set = set
      .replace(openingDouble, '$1“')
      .replace(doubleBeforeSpace, '”')
      .replace(closingDouble, '$1”')
      .replaceAll('"', '“');
  }
  return set.replace(/&#82[0-9]{2};/g, (reference) => typographicReferences[reference] ?? reference);
}

/** Makes curly single quotes straight again in every word that has `@` inside it (spec 02, section 3.8). */
export function straightQuotesInEmailAddresses(text: string): string {
  if (!text.includes('@') || !/[‘’]/.test(text)) return text;
  return text.replace(word, (found) => {
    const at = found.indexOf('@', 1);
    return at === -1 || at === found.length - 1 ? found : found.replace(/[‘’]/g, "'");
  });
}

/** Breaks a bare `GOV.UK` with a zero-width space, so that mail readers do not link it (spec 02, section 3.10). */
export function breakGovUk(text: string): string {
  return text.replace(govUk, '$1$2$3.\u200b$4');
}

/** Removes characters that some mail readers cannot show (spec 02, section 3.11). */
export function stripUnsupported(text: string): string {
  return text.replace(/\u2028|\u3164/g, '');
}
