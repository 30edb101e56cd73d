/** What is done to the text of a file before it is taken apart into records: spec 03 sections 4.1 and 4.2 step 1. */
import { ALL_WHITESPACE } from './characters.ts';
import type { Separator } from './csv-separator.ts';

/** A step of reading: text goes in by chunks, and what can be told so far comes out. */
export type TextStage = { push(text: string): string; end(): string };

// biome-ignore lint/suspicious/noControlCharactersInRegex: the reference counts the separators of ASCII as line ends
const LINE_BREAK = /\r\n?|[\n\v\f\u001C-\u001E\u0085\u2028\u2029]/g;

/**
 * Makes every line boundary CRLF, inside quoted cells too, as the reference does with an upload (spec 03
 * section 4.1). After this no carriage return stands alone.
 */
export function createLineJoiner(): TextStage {
  let carriageReturn = '';
  return {
    push(text) {
      const whole = carriageReturn + text;
      // Its line feed may be in the next chunk.
      carriageReturn = whole.endsWith('\r') ? '\r' : '';
      return (carriageReturn ? whole.slice(0, -1) : whole).replace(LINE_BREAK, '\r\n');
    },
    end: () => (carriageReturn ? '\r\n' : ''),
  };
}

const BLANK = new RegExp(`[${ALL_WHITESPACE}]`);
const LEADING = new RegExp(`[${ALL_WHITESPACE}]*`, 'y');
// In a file separated by tabs a tab at the start is an empty first cell.
const LEADING_BUT_TABS = new RegExp(`[${ALL_WHITESPACE.replace('\\t', '')}]*`, 'y');

/** The text without white space at its start; a byte-order mark is white space. */
export function stripStart(text: string, separator: Separator): string {
  const leading = separator === '\t' ? LEADING_BUT_TABS : LEADING;
  leading.lastIndex = 0;
  leading.test(text);
  return text.slice(leading.lastIndex);
}

/**
 * Takes white space from the start of a file, and white space and separators from its end (spec 03 section 4.2
 * step 1). A run of these is held until something else follows, so the memory needed is that of the longest run.
 */
export function createTrimmer(separator: Separator): TextStage {
  let started = false;
  let held = '';
  return {
    push(text) {
      const rest = started ? text : stripStart(text, separator);
      if (rest === '') return '';
      started = true;
      let end = rest.length;
      while (end > 0 && isSurplus(rest[end - 1]!, separator)) end -= 1;
      if (end === 0) {
        held += rest;
        return '';
      }
      const sure = held + rest.slice(0, end);
      held = rest.slice(end);
      return sure;
    },
    end: () => '',
  };
}

function isSurplus(character: string, separator: Separator): boolean {
  return character === separator || BLANK.test(character);
}
