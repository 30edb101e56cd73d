import { type Html, html } from '../../ground/html.ts';

/**
 * A phone number as people write it: 447700900111 as 07700 900111, one of another country with its +. Anything else is
 * left as it is. Pure.
 */
export function phoneText(number: string): string {
  const mobile = /^(?:\+?44|0)(7\d{3})(\d{6})$/.exec(number);
  if (mobile) return `0${mobile[1]} ${mobile[2]}`;
  return /^[1-9]\d{9,14}$/.test(number) ? `+${number}` : number;
}

/** Whom a message is for, in a table: a number stays in one line, an address may break anywhere. */
export function recipientView(to: string): Html {
  return html`<span dir="auto" class="${to.includes('@') ? 'app-breaking' : 'app-together'}">${to}</span>`;
}
