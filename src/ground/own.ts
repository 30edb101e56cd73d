/** What a table has under a name that somebody gave. What every object has, such as `constructor`, is not in it. */
export function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
