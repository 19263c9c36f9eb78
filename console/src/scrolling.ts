import { filled } from "./components/loaded";

type Place = { left: number; top: number };

const BY_HAND = ["wheel", "touchmove", "keydown"] as const;

/**
 * Where the page of the reader is scrolled to: to its top, or to where they have left it, as soon as it has what was there
 * then; false if they have scrolled or gone elsewhere by that time.
 *
 * @param isShown Whether the page is still the one that is shown.
 */
export async function placeOf(left: Place | null, isShown: () => boolean): Promise<Partial<Place> | false> {
  if (left === null) return { top: 0 };
  let byHand = false;
  const waiting = new AbortController();
  for (const each of BY_HAND)
    addEventListener(each, () => (byHand = true), { passive: true, signal: waiting.signal });
  await filled();
  waiting.abort();
  return !byHand && isShown() && left;
}
