import { onMounted, onUnmounted, readonly, ref, type Ref } from "vue";

const PRODUCT = "Lightbox";
const OBSERVED = { childList: true, characterData: true, subtree: true, attributeFilter: ["aria-current"] };

/**
 * Names the document after the first heading of its page and the tab that is open on it, in each language and as soon as
 * they are known (WCAG 2.2, success criterion 2.4.2). Returns the heading; "" while there is none.
 */
export function usePageTitle(page: Readonly<Ref<HTMLElement | null>>): Readonly<Ref<string>> {
  const heading = ref("");
  const observer = new MutationObserver(name);

  function name(): void {
    heading.value = text("h1");
    const tab = text("nav [aria-current='page']");
    const parts = [
      heading.value.includes(tab) ? "" : tab,
      heading.value === PRODUCT ? "" : heading.value,
      PRODUCT,
    ];
    document.title = parts.filter((part) => part !== "").join(" · ");
  }

  function text(selector: string): string {
    return page.value?.querySelector(selector)?.textContent.trim() ?? "";
  }

  onMounted(() => {
    if (page.value) observer.observe(page.value, OBSERVED);
    name();
  });
  onUnmounted(() => {
    observer.disconnect();
  });
  return readonly(heading);
}
