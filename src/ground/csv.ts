/** Excel takes a CSV file for one in UTF-8 only if it begins with this. */
export const byteOrderMark = '\ufeff';

/**
 * One line of a CSV file (RFC 4180). A cell that a spreadsheet would take for a formula begins with an apostrophe; numbers
 * with a sign stay as they are (spec 07, section 13).
 */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(text: string): string {
  const safe = isFormula(text) ? `'${text}` : text;
  // Semicolons separate cells where a comma is the decimal sign.
  return /[",;\t\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Signs of full width count in spreadsheets in some languages. */
function isFormula(text: string): boolean {
  if (/^[+＋－-]/.test(text)) return !(/^[+-][\d\s().,-]*$/.test(text) && /\d/.test(text));
  return /^[=@＝＠\t\r\n]/.test(text);
}
