import { i18n, language } from "@/i18n";
import type { Choice, Field } from "./fields";
import { messages } from "./messages";
import type { Json } from "./json";
import type { Wrong } from "./values";

for (const each of ["en", "zh"] as const) i18n.global.mergeLocaleMessage(each, { labelling: messages[each] });

/** A sentence of `messages.ts`, or else of those that all pages share. */
function t(key: string, named: Record<string, unknown> = {}): string {
  return i18n.global.t(has(key) ? `labelling.${key}` : key, named);
}

function has(key: string): boolean {
  return i18n.global.te(`labelling.${key}`);
}

/**
 * How fields and values are written for the reader. The built-in scheme has no titles, so they stand in `messages.ts`.
 * A component can have sentences of its own beside these, which `useSentences` would allow only one set of.
 */
export function useWording() {
  function name(name: string): string {
    const words = name.replaceAll("_", " ");
    return has(`names.${name}`) ? t(`names.${name}`) : words.charAt(0).toUpperCase() + words.slice(1);
  }

  /** `title` is that of a scheme's field, or "". */
  function title(field: { title: string; path: readonly string[] }): string {
    return field.title || name(field.path.at(-1) ?? "");
  }

  function choice({ value, title }: Pick<Choice, "value" | "title">): string {
    if (title !== undefined) return title;
    if (typeof value === "boolean") return t(value ? "yes" : "no");
    return typeof value === "string" ? value : JSON.stringify(value);
  }

  function value(field: Field, value: Json | undefined): string {
    if (value === undefined || value === null) return "–";
    if (Array.isArray(value)) return value.map((each) => one(field, each)).join(", ");
    return one(field, value);
  }

  function one(field: Field, value: Json): string {
    const choices = "choices" in field ? field.choices : [];
    return choice(choices.find((each) => each.value === value) ?? { value });
  }

  function wrong(found: Wrong): string {
    return t(`wrong.${found.what}`, { bound: found.bound ?? "" });
  }

  return { t, name, title, choice, value, wrong };
}

/** A time of today as hours and minutes, another one with its day, in the reader's zone and as is usual there. */
export function shownTime(at: Date, seconds = false): string {
  const isToday = new Date().toDateString() === at.toDateString();
  const day: Intl.DateTimeFormatOptions = isToday ? {} : { day: "numeric", month: "short", year: "numeric" };
  const second: Intl.DateTimeFormatOptions = seconds ? { second: "2-digit" } : {};
  const options = { ...day, hour: "2-digit", minute: "2-digit", ...second } as const;
  const region = navigator.languages.find((each) => each.startsWith(language.value)) ?? language.value;
  return new Intl.DateTimeFormat(region, options).format(at);
}
