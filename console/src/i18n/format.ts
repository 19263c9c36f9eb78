import { language } from ".";

/** A moment in the reader's zone and language, such as "28 Nov 2026, 14:05". */
export function moment(value: string | Date): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(value),
  );
}

/** The same with its seconds, for what may follow closely, such as "28 Nov 2026, 14:05:09". */
export function momentToTheSecond(value: string | Date): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium" }).format(
    new Date(value),
  );
}

/** A share of one as percent, such as "27 %". */
export function percent(value: number, digits = 0): string {
  const format = { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits } as const;
  return new Intl.NumberFormat(locale(), format).format(value);
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;

/** A number of bytes, such as "12 MB", by powers of a thousand. */
export function bytes(value: number): string {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(value, 1)) / 3)));
  return new Intl.NumberFormat(locale(), {
    style: "unit",
    unit: UNITS[step],
    unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: value / 1000 ** step < 10 && step > 0 ? 1 : 0,
  }).format(value / 1000 ** step);
}

/** How long something takes, such as "54 ms", or "1.2 sec" from a second on. */
export function duration(seconds: number): string {
  const [value, unit] = seconds < 1 ? [seconds * 1000, "millisecond"] : [seconds, "second"];
  const maximumFractionDigits = value < 10 ? 1 : 0;
  return new Intl.NumberFormat(locale(), { style: "unit", unit, maximumFractionDigits }).format(value);
}

const STEPS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** How long ago a moment was, such as "3 minutes ago"; the moment itself after a week. */
export function ago(value: string | Date, now: Date = new Date()): string {
  const seconds = (new Date(value).getTime() - now.getTime()) / 1000;
  if (Math.abs(seconds) > 7 * 86_400) return moment(value);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  }
  return format.format(Math.round(seconds), "second");
}

/** When so many seconds are over, such as "in 3 minutes"; never too early. */
export function inSeconds(seconds: number): string {
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "always" });
  for (const [unit, size] of STEPS) {
    if (seconds >= 2 * size) return format.format(Math.ceil(seconds / size), unit);
  }
  return format.format(Math.max(1, seconds), "second");
}

/** A number, such as "1,000,000". */
export function number(value: number): string {
  return new Intl.NumberFormat(locale()).format(value);
}

/** Letters from right to left, and characters that change the direction. */
const TURNS =
  /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const BEGINNINGS = "\u2066\u2067\u2068";
const END = "\u2069";

/**
 * A name for a plain text, which it does not turn with any letters: first strong isolate (UAX #9). A name that
 * turns nothing stays as it is. Markup has `<bdi>` for that.
 */
export function isolated(name: string): string {
  return TURNS.test(name) ? `\u2068${balanced(name)}${END}` : name;
}

/** What a control is called that does something to one thing of several, such as "Delete: a.png". */
export function actionOn(action: string, name: string | number): string {
  return `${action}: ${isolated(String(name))}`;
}

/** A text whose own isolates are complete, so that the one around it ends where it should. */
function balanced(text: string): string {
  let open = 0;
  let kept = "";
  for (const each of text) {
    if (each === END && open === 0) continue;
    open += BEGINNINGS.includes(each) ? 1 : each === END ? -1 : 0;
    kept += each;
  }
  return kept + END.repeat(open);
}

function locale(): string {
  // English as the browser has it, since dates in Britain and America differ.
  return navigator.languages.find((each) => each.startsWith(language.value)) ?? language.value;
}
