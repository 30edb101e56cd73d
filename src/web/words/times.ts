/** A time in the reader's zone, with the zone's name (spec 07, section 3): "4 May 2026 at 10:05 BST". */
export function timeInWords(time: string | number, zone: string): string {
  const at = new Date(time);
  const day = at.toLocaleDateString('en-GB', {
    timeZone: zone,
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  });
  const clock = at.toLocaleTimeString('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  });
  return `${day} at ${clock}`;
}
