const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;
const endLength = 22;
const entryLength = 46;
const longestComment = 0xffff;
/** Far more than any document has; a directory may be crafted. */
const mostEntries = 10_000;

/** The kind of a zip archive by the parts that make it one, or null for any other archive. Unpacks nothing. */
export function zipKind(bytes: Buffer): 'docx' | 'xlsx' | 'odt' | null {
  const names = entryNames(bytes);
  // The first part of an OpenDocument file is its type, not compressed, so that it stands at a fixed place.
  const mimetype = 'mimetypeapplication/vnd.oasis.opendocument.text';
  const start = bytes.subarray(30, 30 + mimetype.length + 8).toString('latin1');
  if (names.has('content.xml') && new RegExp(`^${mimetype}(?:PK|$)`).test(start)) return 'odt';
  if (!names.has('[Content_Types].xml')) return null;
  if (names.has('word/document.xml')) return 'docx';
  return names.has('xl/workbook.xml') ? 'xlsx' : null;
}

/** Names in the archive's directory; as many as can be read. */
function entryNames(bytes: Buffer): Set<string> {
  const names = new Set<string>();
  const end = endAt(bytes);
  if (end === null) return names;
  let at = bytes.readUInt32LE(end + 16);
  while (at + entryLength <= end && names.size < mostEntries && bytes.readUInt32LE(at) === directoryEntry) {
    const nameLength = bytes.readUInt16LE(at + 28);
    names.add(bytes.toString('utf8', at + entryLength, Math.min(at + entryLength + nameLength, end)));
    at += entryLength + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return names;
}

function endAt(bytes: Buffer): number | null {
  const first = Math.max(0, bytes.length - endLength - longestComment);
  for (let at = bytes.length - endLength; at >= first; at -= 1)
    if (bytes.readUInt32LE(at) === endOfDirectory) return at;
  return null;
}
