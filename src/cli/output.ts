/**
 * What the admin API has answered, for people: a list as aligned columns, anything else as a line for each field.
 * `columns`: the fields of a list that are shown.
 */
export function printed(data: unknown, columns: readonly string[]): string {
  if (Array.isArray(data)) return table(data as Row[], columns);
  if (typeof data === 'object' && data !== null) return fields(data as Row);
  return cell(data);
}

type Row = Readonly<Record<string, unknown>>;

function table(rows: readonly Row[], columns: readonly string[]): string {
  if (rows.length === 0) return 'None.';
  const lines = [columns, ...rows.map((row) => columns.map((name) => cell(row[name]).replace(/\s+/g, ' ')))];
  const widths = columns.map((_name, column) => Math.max(...lines.map((line) => width(line[column]!))));
  return lines
    .map((line) =>
      line
        .map((text, column) => text + ' '.repeat(widths[column]! - width(text)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function fields(row: Row): string {
  const names = Object.keys(row);
  const widest = Math.max(...names.map(width));
  return names
    .map((name) => {
      const lines = cell(row[name]).split('\n');
      return `${name.padEnd(widest)}  ${lines.join(`\n${' '.repeat(widest + 2)}`)}`.trimEnd();
    })
    .join('\n');
}

function width(text: string): number {
  return [...text].length;
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(cell).join(', ');
  return visible(typeof value === 'object' ? JSON.stringify(value) : String(value));
}

/** Without what would move a terminal's cursor or turn its text around: names are written by other people. */
function visible(text: string): string {
  return text.replace(
    /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
