import { watch } from "vue";

/**
 * Lets the browser ask before the page is closed or loaded anew, as long as something on it would be lost. Only as long:
 * a page that listens all the time is not kept for who goes back to it.
 */
export function askBeforeLeaving(wouldLose: () => boolean): void {
  watch(wouldLose, (isAsked) =>
    isAsked ? addEventListener("beforeunload", ask) : removeEventListener("beforeunload", ask),
  );

  function ask(event: Event): void {
    event.preventDefault();
  }
}
