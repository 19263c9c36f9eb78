import { onScopeDispose, ref } from "vue";
import { onBeforeRouteLeave, onBeforeRouteUpdate } from "vue-router";

/**
 * Asks before the reader leaves what is kept nowhere: the browser does where the page is closed or loaded anew, and on the
 * way to another page of the console `isAsking` is true until `decide` says whether to go.
 */
export function useLeaving(isKeptNowhere: () => boolean) {
  const isAsking = ref(false);
  let answer: ((goes: boolean) => void) | null = null;

  function decide(goes: boolean): void {
    isAsking.value = false;
    answer?.(goes);
    answer = null;
  }

  function ask(): Promise<boolean> | true {
    decide(false); // of a way that was asked about before
    if (!isKeptNowhere()) return true;
    isAsking.value = true;
    return new Promise((resolve) => (answer = resolve));
  }

  function unload(event: BeforeUnloadEvent): void {
    if (isKeptNowhere()) event.preventDefault();
  }

  onBeforeRouteLeave(ask);
  onBeforeRouteUpdate(ask);
  window.addEventListener("beforeunload", unload);
  onScopeDispose(() => window.removeEventListener("beforeunload", unload));
  return { isAsking, decide };
}
