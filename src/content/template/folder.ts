/** Each folder's parent by its id; null: at the top. */
export type FolderParents = ReadonlyMap<string, string | null>;

/**
 * Why folders cannot be moved into another, in the order asked for; null if they can (spec 04, section 5.6). Pure.
 * `target`: a folder in `parents`; null is the top.
 */
export function moveRefusal(
  parents: FolderParents,
  serviceId: string,
  ids: readonly string[],
  target: string | null,
): string | null {
  const above = new Set<string>();
  for (let id = target && parents.get(target); id; id = parents.get(id) ?? null) above.add(id);
  for (const id of ids) {
    if (!parents.has(id)) return `No folder found with id ${id} for service ${serviceId}`;
    if (id === target) return 'You cannot move a folder to itself';
    if (above.has(id)) return 'You cannot move a folder to one of its subfolders';
  }
  return null;
}
