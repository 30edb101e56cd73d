const format = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'Europe/London',
  dateStyle: 'short',
  timeStyle: 'medium',
});

/** `2017-05-02 14:03:07`: local time in London without offset, as SMS providers write it (spec 05, section 6). */
export function londonTime(unixMilliseconds: number): string {
  return format.format(unixMilliseconds);
}
