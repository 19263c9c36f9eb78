/**
 * Days as the fields of a form have them, such as "2026-11-29", as an interval of instants: from the first midnight in the
 * reader's zone on, and before that after the last day. Without a day there is no limit, nor beyond the years that the
 * server knows.
 */
export function instantsOf(from: string, to: string): { from?: string; to?: string } {
  return { from: midnight(from, 0), to: midnight(to, 1) };
}

const SERVER_YEARS = { first: 1, last: 9999 };

/** The midnight at which a day begins, or one some days later. */
function midnight(day: string, later: number): string | undefined {
  const [year, month, date] = day.split("-").map(Number);
  if (year === undefined || month === undefined || date === undefined) return undefined;
  const at = new Date(0, 0, 1);
  at.setFullYear(year, month - 1, date + later);
  const inUtc = at.getUTCFullYear();
  return inUtc < SERVER_YEARS.first || inUtc > SERVER_YEARS.last ? undefined : at.toISOString();
}
