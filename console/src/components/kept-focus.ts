import { onBeforeUpdate, onUpdated } from "vue";

const ROW = "li, tr";
const CONTROL = "a[href], button:enabled, input:enabled, select:enabled, textarea:enabled";
const HEADING = "h1, h2, h3, h4, h5, h6";

/**
 * Takes note of where the focus is, in a list whose rows may go. What it returns gives it a new place if it was lost, which
 * a browser leaves to the whole page: the same control of the row, of the next one, or else of the one before; in a list
 * without any, the heading that is nearest. (WAI-ARIA Authoring Practices, "Developing a Keyboard Interface")
 *
 * @param control Where the focus is, or would be.
 */
export function noteFocus(control: Element | null | undefined = document.activeElement): () => void {
  if (!control || control === document.body) return () => undefined;
  const ancestors = ancestorsOf(control);
  const rows = ancestors.filter((each) => each.matches(ROW)).flatMap(withNeighbours);
  const wanted = likenessOf(control);

  return () => {
    if (document.activeElement !== null && document.activeElement !== document.body) return;
    const place = rows.filter((each) => each.isConnected).map((row) => controlOf(row, wanted));
    (place.find((each) => each !== undefined) ?? headingOf(ancestors))?.focus();
  };
}

/** Keeps the focus near where it was, also when that goes from the page as this component changes. */
export function useKeptFocus(): void {
  let restore: (() => void) | undefined;
  onBeforeUpdate(() => (restore = noteFocus()));
  onUpdated(() => restore?.());
}

function ancestorsOf(element: Element): Element[] {
  const ancestors: Element[] = [];
  for (let each = element.parentElement; each !== null; each = each.parentElement) ancestors.push(each);
  return ancestors;
}

/** The row, those behind it, and those before it from the last to the first. */
function withNeighbours(row: Element): Element[] {
  const all = [...(row.parentElement?.children ?? [])];
  const at = all.indexOf(row);
  return [...all.slice(at), ...all.slice(0, at).reverse()];
}

/** What controls of two rows have in common that do the same: their names differ by what the rows are about. */
function likenessOf(control: Element): string {
  return `${control.tagName} ${control.getAttribute("type") ?? ""} ${control.textContent.trim()}`;
}

function controlOf(row: Element, wanted: string): HTMLElement | undefined {
  const controls = [...row.querySelectorAll<HTMLElement>(CONTROL)];
  return controls.find((each) => likenessOf(each) === wanted) ?? controls[0];
}

function headingOf(ancestors: Element[]): HTMLElement | undefined {
  for (const each of ancestors.filter((ancestor) => ancestor.isConnected)) {
    const heading = each.querySelector<HTMLElement>(HEADING);
    if (heading === null) continue;
    heading.tabIndex = -1;
    return heading;
  }
  return undefined;
}
