import { nextTick, onUnmounted, type Ref, watch } from "vue";
import { useRouter } from "vue-router";

/**
 * Moves the focus to the heading of a page that was opened by a link, which screen readers then say: else it stays on what
 * is gone or elsewhere, and nothing is said. Until the page has its heading (`title` is its text), the page itself has the
 * focus. A page that has put the focus into one of its own fields keeps it.
 */
export function usePageFocus(page: Readonly<Ref<HTMLElement | null>>, title: Readonly<Ref<string>>): void {
  let given: HTMLElement | null = null;

  function focus(): void {
    const heading = page.value?.querySelector("h1") ?? null;
    if (heading) heading.tabIndex = -1;
    given = heading ?? page.value;
    given?.focus({ preventScroll: true });
  }

  const stop = useRouter().afterEach(async (to, from, failure) => {
    if (failure || from.matched.length === 0 || to.path === from.path) return;
    await nextTick();
    const isInside = page.value !== document.activeElement && page.value?.contains(document.activeElement);
    if (!isInside) focus();
  });
  watch(
    title,
    () => {
      const isGone = given?.isConnected === false && document.activeElement === document.body;
      if (isGone || document.activeElement === page.value) focus();
    },
    { flush: "post" },
  );
  onUnmounted(stop);
}
