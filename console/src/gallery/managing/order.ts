/** Where a row goes: directly before or behind another one. */
export type Place = { before: number } | { after: number };

interface Numbered {
  readonly id: number;
}

/** The list with one row in another place. A row or a neighbour that is not in it changes nothing. */
export function reordered<Row extends Numbered>(rows: readonly Row[], id: number, place: Place): Row[] {
  const row = rows.find((each) => each.id === id);
  const rest = rows.filter((each) => each.id !== id);
  const neighbour = "before" in place ? place.before : place.after;
  const at = rest.findIndex((each) => each.id === neighbour);
  if (row === undefined || at < 0) return [...rows];
  rest.splice("before" in place ? at : at + 1, 0, row);
  return rest;
}

/** The place one step up (-1) or down (1); undefined at the end of the list. */
export function step(rows: readonly Numbered[], id: number, direction: -1 | 1): Place | undefined {
  const at = rows.findIndex((each) => each.id === id);
  const neighbour = at < 0 ? undefined : rows[at + direction];
  if (neighbour === undefined) return undefined;
  return direction < 0 ? { before: neighbour.id } : { after: neighbour.id };
}
