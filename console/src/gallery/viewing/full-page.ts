import { onBeforeUnmount, onMounted } from "vue";

/** What the frame of the console has around a page. */
const FRAME = "nav, footer, .skip";

/** For a page that covers the whole window: what it covers can't be reached by the keyboard or a screen reader. */
export function useFullPage(): void {
  const covered = (): NodeListOf<HTMLElement> => document.querySelectorAll<HTMLElement>(FRAME);
  onMounted(() => {
    for (const each of covered()) each.inert = true;
  });
  onBeforeUnmount(() => {
    for (const each of covered()) each.inert = false;
  });
}
