/** A number of bytes as people read it: `900 bytes`, `10KB`, `1.5MB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const kilobytes = Math.round(bytes / 1024);
  if (kilobytes < 1024) return `${kilobytes}KB`;
  return `${Number((bytes / 1024 / 1024).toFixed(1))}MB`;
}
