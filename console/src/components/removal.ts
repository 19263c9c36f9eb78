import { ref, shallowRef } from "vue";
import { complain } from "./toasts";

export interface Removal<Item> {
  /** What the reader is asked about; null while they are not. */
  readonly item: Item | null;
  /** Whether the question is open, for `Confirm`. */
  open: boolean;
  readonly busy: boolean;
  ask: (item: Item) => void;
  /** The answer yes. */
  confirm: () => Promise<void>;
}

/**
 * Removing one of a list, after a question. The question is over before the list is read anew, also after an error: so the
 * focus is back in the row by the time that the row goes (`kept-focus.ts`), and a row that is gone already goes here too.
 *
 * @param remove Removes it at the server.
 * @param done Says so, if the list alone does not.
 * @param reload Reads the list anew.
 * @param failed Takes the reason why it was not removed; without it a message at the edge of the page has it.
 */
export function useRemoval<Item>(options: {
  remove: (item: Item) => Promise<unknown>;
  done?: (item: Item) => void;
  reload: () => unknown;
  failed?: (error: unknown) => void;
}): Removal<Item> {
  const asked = shallowRef<Item | null>(null);
  const busy = ref(false);

  async function confirm(): Promise<void> {
    const item = asked.value;
    if (item === null || busy.value) return;
    busy.value = true;
    try {
      await options.remove(item);
      options.done?.(item);
    } catch (error) {
      (options.failed ?? complain)(error);
    } finally {
      busy.value = false;
      asked.value = null;
    }
    await options.reload();
  }

  return {
    get item() {
      return asked.value;
    },
    get open() {
      return asked.value !== null;
    },
    set open(shown) {
      if (!shown) asked.value = null;
    },
    get busy() {
      return busy.value;
    },
    ask: (item) => (asked.value = item),
    confirm,
  };
}
