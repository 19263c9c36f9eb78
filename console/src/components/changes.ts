/**
 * The fields that differ from what was read. Only they are sent: the others would undo what another administrator has changed
 * since then.
 */
export function changesOf<Fields extends object>(read: Fields, wanted: Fields): Partial<Fields> {
  const names = Object.keys(wanted) as (keyof Fields)[];
  const changed = names.filter((name) => JSON.stringify(wanted[name]) !== JSON.stringify(read[name]));
  return Object.fromEntries(changed.map((name) => [name, wanted[name]])) as Partial<Fields>;
}
