/** Numbers in words: 12,345 rows; £28.44. */

const figures = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 2 });
const pounds = new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'GBP' });
const fine = new Intl.NumberFormat('en-GB', {
  ...{ style: 'currency', currency: 'GBP', minimumFractionDigits: 2, maximumFractionDigits: 4 },
});

/** 12345 as 12,345. */
export function inFigures(count: number): string {
  return figures.format(count);
}

/** "1 row", "12,345 rows". `many`: where it is not the word with an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${figures.format(count)} ${count === 1 ? one : many}`;
}

/** A share in whole per cent; what is more than nothing is never 0%, what is less than all never 100%. `–` of nothing. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–';
  const share = Math.round((100 * part) / whole);
  if (share === 0 && part > 0) return 'under 1%';
  return share === 100 && part < whole ? 'over 99%' : `${share}%`;
}

const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/** 1536 as 1.5 KB. */
export function bytesText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/** Pounds as £28.44; below a pound with the parts of a penny that there are, as £0.024. */
export function inPounds(amount: number): string {
  return (amount < 1 ? fine : pounds).format(amount);
}

/** What messages of a type are called. */
export function messagesOf(type: 'sms' | 'email', count: number): string {
  return type === 'sms' ? counted(count, 'text message') : counted(count, 'email');
}
