/**
 * Phone numbers that a spreadsheet program has spoilt by taking them for quantities. Beyond the reference, which
 * only says that they are not valid: people who see the reason can mend the file at once.
 */

const SHORTENED = /^\+?\d(?:[.,]\d{0,20})?E\+?\d{1,2}$/i;
const DECIMAL = /^\+?(\d{7,15})[.,]0{1,3}$/;
const WITHOUT_START = /^[1-9]\d{6,14}$/;

/**
 * A sentence that says what happened to the number in this cell, or null when nothing is known to have happened.
 * For numbers that are not valid; `isSendable` tells whether another writing would be.
 */
export function spreadsheetDamage(number: string, isSendable: (number: string) => boolean): string | null {
  if (SHORTENED.test(number))
    return `A spreadsheet shortened this phone number to ‘${number}’ – format the column as text and enter the whole number again`;
  const whole = DECIMAL.exec(number)?.[1];
  if (whole !== undefined)
    return `A spreadsheet turned this phone number into the decimal ‘${number}’ – format the column as text and enter ${whole}`;
  if (WITHOUT_START.test(number) && isSendable(`+${number}`))
    return `A spreadsheet removed what stood in front of ‘${number}’, zeros or a plus – format the column as text and enter +${number}`;
  return null;
}
