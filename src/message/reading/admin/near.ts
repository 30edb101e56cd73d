import type { Term } from './term.ts';

/** Digits of a number with its country code: few that can be sent to have less, none has more. */
const fewest = 8;
const most = 15;

/**
 * The numbers, as they are stored, that somebody may have meant who searched for a whole phone number: with one digit
 * changed, left out or added, or two neighbours swapped. 250 to 750, without the number itself; none for what is no
 * whole number. Pure.
 */
export function numbersNear({ reference, beginnings }: Term): readonly string[] {
  if (reference.replace(/\D/g, '').length < fewest) return [];
  // A slip may leave no valid number, or one of another country: every form in which it could be stored counts.
  const whole = beginnings.filter(
    (text) => /^\d+$/.test(text) && text.length >= fewest && text.length <= most + 1,
  );
  const near = new Set(whole.flatMap(neighboursOf));
  for (const text of whole) near.delete(text);
  return [...near].filter(({ length }) => length >= fewest && length <= most);
}

const digits = [...'0123456789'];

function neighboursOf(number: string): readonly string[] {
  const near: string[] = [];
  for (let at = 0; at <= number.length; at++) {
    const [before, rest] = [number.slice(0, at), number.slice(at)];
    for (const digit of digits) {
      near.push(before + digit + rest);
      if (rest !== '') near.push(before + digit + rest.slice(1));
    }
    if (rest !== '') near.push(before + rest.slice(1));
    if (rest.length > 1) near.push(before + rest[1] + rest[0] + rest.slice(2));
  }
  return near;
}
