import { dayText } from '../words/times.ts';
import { dayPlus } from './filter.ts';

/** A value to try a placeholder out with, by what its name says it is. Pure. `today`: YYYY-MM-DD. */
export function exampleValue(placeholder: string, person: Readonly<{ name: string }>, today: string): string {
  const name = placeholder.toLowerCase();
  const given = person.name.split(' ')[0] ?? person.name;
  if (/\b(last|family|sur)\s?name/.test(name)) return person.name.split(' ').slice(1).join(' ') || given;
  if (/\bfull\s?name/.test(name)) return person.name;
  if (/date|\bday\b|until|deadline/.test(name)) return dayText(dayPlus(today, 7));
  if (/time|hour/.test(name)) return '10:30';
  if (/link|url|website/.test(name)) return 'https://example.com';
  if (/amount|price|cost|total|fee/.test(name)) return '£12.50';
  if (/code|number|reference|\bref\b|\bid\b/.test(name)) return '12345';
  if (/title|book/.test(name)) return 'Sea Charts';
  if (/name/.test(name)) return given;
  return `example of ${placeholder}`;
}
