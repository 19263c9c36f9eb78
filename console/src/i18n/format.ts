import { language } from ".";

/** A moment in the reader's zone and language, such as "28 Nov 2026, 14:05". */
export function moment(value: string | Date): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "short" }).format(
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

function locale(): string {
  // English as the browser has it, since dates in Britain and America differ.
  return navigator.languages.find((each) => each.startsWith(language.value)) ?? language.value;
}
