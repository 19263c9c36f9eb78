import type { Schema } from "@/api/client";
import { i18n, language, readable } from "@/i18n";
import type { Choice, Field } from "./form/fields";
import type { Json } from "./form/json";
import type { Wrong } from "./form/values";
import { messages } from "./messages";

for (const each of ["en", "zh"] as const) i18n.global.mergeLocaleMessage(each, { labelling: messages[each] });

export const STATES = ["unassigned", "running", "different", "done"] as const;
export type NamedState = (typeof STATES)[number];

/** The scheme whose fields have their titles in `messages.ts`, in both languages. */
export const BUILT_IN = "ophthalmology";

/** A sentence of `messages.ts`. */
function t(key: string, named: Record<string, unknown> = {}): string {
  return i18n.global.t(`labelling.${key}`, readable(named));
}

function has(key: string): boolean {
  return i18n.global.te(`labelling.${key}`);
}

/**
 * How fields and values are written for the reader. A component can have sentences of its own beside these, which `useSentences` would allow only one set of.
 */
export function useWording() {
  /** A name that is written for programs, as words. */
  function name(name: string): string {
    const words = name.replaceAll("_", " ");
    return words.charAt(0).toUpperCase() + words.slice(1);
  }

  function title(field: Pick<Field, "scheme" | "title" | "path">): string {
    if (field.title) return field.title;
    const last = field.path.at(-1) ?? "";
    return field.scheme === BUILT_IN && has(`names.${last}`) ? t(`names.${last}`) : name(last);
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

  function stateName(state: NamedState): string {
    return t(`states.${state}`);
  }

  /** The state of an image, which says of one that is disputed whether it waits for an expert. */
  function imageState({ state, image_state }: Pick<Schema<"ListedImage">, "state" | "image_state">): string {
    return t(`states.${image_state === 303 ? "303" : state}`);
  }

  return { name, title, choice, value, wrong, stateName, imageState };
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
