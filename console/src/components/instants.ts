/** Times in the address of a page: instants, so that an address means the same in every zone; fields have local times. */

const WRITTEN = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/**
 * A time as the address has it and the server reads it, such as "2026-11-01T23:00:00Z". One without an offset is a time of
 * this device, as a field of times has it. Undefined for none, and for what is no time.
 */
export function instantOf(written: unknown): string | undefined {
  if (typeof written !== "string" || !WRITTEN.test(written)) return undefined;
  const read = new Date(written);
  return Number.isNaN(read.getTime()) ? undefined : read.toISOString().replace(".000Z", "Z");
}

/** The same for a field of times, such as "2026-11-02T00:00" in Berlin; "" for none. */
export function localOf(written: unknown): string {
  const instant = instantOf(written);
  if (instant === undefined) return "";
  const read = new Date(instant);
  const date = [read.getFullYear(), read.getMonth() + 1, read.getDate()].map(twoDigits).join("-");
  const time = [read.getHours(), read.getMinutes(), read.getSeconds()].map(twoDigits);
  return `${date}T${(read.getSeconds() === 0 ? time.slice(0, 2) : time).join(":")}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
