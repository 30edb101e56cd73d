/** Numbers in words: 12,345 rows; £28.44. */

const figures = new Intl.NumberFormat('en-GB');
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

/** Pounds as £28.44; below a pound with the parts of a penny that there are, as £0.024. */
export function inPounds(amount: number): string {
  return (amount < 1 ? fine : pounds).format(amount);
}

/** What messages of a type are called. */
export function messagesOf(type: 'sms' | 'email', count: number): string {
  return type === 'sms' ? counted(count, 'text message') : counted(count, 'email');
}
