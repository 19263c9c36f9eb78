import type OpenSeadragon from "openseadragon";

/** What OpenSeadragon looks for before it adds a style to the page, which the policy of the page does not allow. */
const MARK = "data-openseadragon-mobile-css";

/** Loads OpenSeadragon, which is as large as all the rest of a page. */
export async function loadOpenSeadragon(): Promise<typeof OpenSeadragon> {
  if (document.querySelector(`style[${MARK}]`) === null) {
    // In no namespace it is no style sheet, so the policy does not matter.
    const style = document.createElementNS("", "style");
    style.setAttribute(MARK, "");
    document.head.append(style);
  }
  return (await import("openseadragon")).default;
}
