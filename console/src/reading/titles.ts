import type { Prediction } from "./findings";

/** Characters of a title, as the server counts them. */
export const LONGEST_TITLE = 255;

/** A text as the server takes it in a title: without control characters, and not too long. */
export function asTitle(text: string): string {
  const plain = text.replaceAll(/\p{Cc}+/gu, " ").trim();
  return [...plain].slice(0, LONGEST_TITLE).join(""); // whole characters, which may be two units of UTF-16
}

/** What a prediction is called; those without a title have their number. */
export function titleOf({ title, id }: Prediction): string {
  return title || `#${id}`;
}
