/** Everything below it opens documents, so it is never logged (http/server/request.ts). */
const root = '/d';

/** What a link carries. */
export type Link = Readonly<{ id: string; key: Buffer }>;

/** The link that goes into the message: `{base}/d/{id}/{key}`, both in base64url. */
export function linkOf(baseUrl: string, { id, key }: Link): string {
  const shortId = Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
  return `${baseUrl}${root}/${shortId}/${key.toString('base64url')}`;
}

/** Id and key from the two parts of a path; null where they cannot be those of any document. */
export function readLink(shortId: string, key: string): Link | null {
  if (!/^[\w-]{22}$/.test(shortId) || !/^[\w-]{43}$/.test(key)) return null;
  const hex = Buffer.from(shortId, 'base64url').toString('hex');
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return { id, key: Buffer.from(key, 'base64url') };
}

/** In place of an upload for a simulated recipient (spec 01, section 3.6); it leads nowhere. */
export function testLink(baseUrl: string, serviceId: string): string {
  return `${baseUrl}/services/${serviceId}/documents/test-document`;
}
