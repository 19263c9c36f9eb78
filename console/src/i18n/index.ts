import { computed } from "vue";
import { createI18n, useI18n } from "vue-i18n";
import { common } from "./common";
import { isolated, number } from "./format";

export const LANGUAGES = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;

/** The sentences of a feature: one object a language, with the same keys in both. */
export type Messages<Sentences> = Record<Language, Sentences>;

type Tree = { [key: string]: string | Tree };
type SameKeys<Sentences> = {
  [Key in keyof Sentences]: Sentences[Key] extends string ? string : SameKeys<Sentences[Key]>;
};

/** Checks at compile time that Chinese has every sentence that English has. */
export function defineMessages<Sentences extends Tree>(messages: {
  en: Sentences;
  zh: SameKeys<Sentences>;
}): Messages<Sentences> {
  return messages as Messages<Sentences>;
}

const STORED = "lightbox.language";

function preferred(): Language {
  const stored = localStorage.getItem(STORED);
  if (stored !== null && stored in LANGUAGES) return stored as Language;
  return navigator.languages.some((each) => each.toLowerCase().startsWith("zh")) &&
    !navigator.languages[0]?.toLowerCase().startsWith("en")
    ? "zh"
    : "en";
}

export const i18n = createI18n({
  legacy: false,
  locale: preferred(),
  fallbackLocale: "en",
  messages: common,
});

/** The language that is shown; setting it is remembered on this device. */
export const language = computed<Language>({
  get: () => i18n.global.locale.value as Language,
  set: (chosen) => {
    i18n.global.locale.value = chosen;
    localStorage.setItem(STORED, chosen);
    showLanguage();
  },
});

/** Says the language to the browser, for screen readers and for the choice of fonts. */
export function showLanguage(): void {
  document.documentElement.lang = language.value === "zh" ? "zh-Hans" : "en";
}

/** The sentences of a feature, and those that all share, which are looked up when the feature has none of that name. */
export function useSentences<Sentences extends Tree>(messages: Messages<Sentences>) {
  return withReadable(useI18n({ messages, useScope: "local", inheritLocale: true }));
}

/** The sentences that all share. */
export function useShared() {
  return withReadable(useI18n());
}

/** What stands in a sentence as its reader writes it: a number, unless it is an `id`, and the name of something. */
export function readable(named: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(named).map(([name, value]) => {
      if (typeof value === "string") return [name, isolated(value)];
      return [name, typeof value === "number" && name !== "id" ? number(value) : value];
    }),
  );
}

/** The same sentences, in which everything is readable. The plural of a sentence goes by the number itself. */
function withReadable<Composer extends { t: unknown }>(composer: Composer): Composer {
  const translate = composer.t as (key: string, named: unknown, plural?: unknown) => string;
  function t(key: string, named?: unknown, plural?: unknown): string {
    if (typeof named === "number") return translate(key, readable({ n: named, count: named }), named);
    return translate(key, isNamed(named) ? readable(named) : {}, plural);
  }
  return { ...composer, t };
}

function isNamed(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
