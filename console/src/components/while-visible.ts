import { onUnmounted } from "vue";

/**
 * Does something again and again while the page is in sight, and at once when it comes back into sight, until the
 * component is gone. A page out of sight asks the server for nothing. The next time is counted from the end of the work,
 * so that a slow server, or a session that has ended, has one request waiting and not one for each time.
 */
export function repeatWhileVisible(seconds: number, work: () => Promise<void>): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWorking = false;
  let isOver = false;

  function follow(): void {
    clearTimeout(timer);
    if (!isOver && document.visibilityState === "visible") timer = setTimeout(again, seconds * 1000);
  }

  function again(): void {
    if (isWorking) return;
    isWorking = true;
    void work().finally(() => {
      isWorking = false;
      follow();
    });
  }

  function see(): void {
    clearTimeout(timer);
    if (document.visibilityState === "visible") again();
  }

  follow();
  document.addEventListener("visibilitychange", see);
  onUnmounted(() => {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", see);
  });
}
