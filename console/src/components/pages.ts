import { computed, type ComputedRef, type Ref, ref, shallowRef, watch, type WritableComputedRef } from "vue";
import { filling } from "./loaded";

/** A page of a list, as the server gives it. */
export interface Page<Item> {
  items: readonly Item[];
  /** The cursor of the page behind it; null or nothing for none. */
  next: string | null | undefined;
}

export interface Pages<Item> {
  items: WritableComputedRef<readonly Item[]>;
  /** What went wrong; "" if nothing did. */
  problem: Ref<unknown>;
  loading: Ref<boolean>;
  /** Whether it is known that there is nothing in the list. */
  isEmpty: ComputedRef<boolean>;
  /** Whether there is a page behind what is here. */
  hasMore: ComputedRef<boolean>;
  /** Whether there is more here than the first page. */
  isFurther: ComputedRef<boolean>;
  /** Begins anew with the first page, which takes the place of all as soon as it is there. */
  load: () => Promise<void>;
  /** Adds the next page; does nothing while another one is being read. */
  more: () => Promise<void>;
}

/** What has been read of a list. */
interface Read<Item> extends Page<Item> {
  isFurther: boolean;
}

const MOST_REMEMBERED = 20;
const remembered = new Map<string, Read<unknown>>();

/** Forgets what was read of all lists, since something in them was changed, or another account is there. */
export function forgetPages(): void {
  remembered.clear();
}

function remember(entry: string, read: Read<unknown>): void {
  remembered.delete(entry);
  remembered.set(entry, read);
  const oldest = remembered.keys().next().value;
  if (remembered.size > MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
}

/** What vue-router keeps of an entry of the history: its number, and the address of the one ahead of it. */
interface Entry {
  position?: number;
  forward?: string | null;
}

/** The entry of the history that is shown. */
function shownEntry(): Entry {
  return (history.state as Entry | null) ?? {};
}

/**
 * A list that the server gives page by page, behind a cursor. Its first page is read at once. Who goes back to a list finds
 * all that was read of it before, as with a browser's own pages, so that the scroll position holds.
 *
 * @param key What makes the list another one, such as its filter; it is read anew then.
 * @param read Reads a page; without a cursor the first one.
 */
export function usePages<Item>(
  key: () => string,
  read: (cursor?: string) => Promise<Page<Item>>,
): Pages<Item> {
  const list = shallowRef<Read<Item>>();
  const problem = ref<unknown>("");
  const loading = ref(false);
  let position: number | undefined;
  /** The place in the history of the list that is wanted, and of the one that is shown. */
  let entry = "";
  let shown = "";
  let turn = 0;

  function show(found: Read<Item>): void {
    list.value = found;
    shown = entry;
    remember(entry, found);
  }

  async function take(cursor?: string): Promise<void> {
    const own = ++turn;
    loading.value = true;
    problem.value = "";
    try {
      const { items, next } = await filling(read(cursor));
      if (own !== turn) return;
      const before = cursor === undefined ? [] : (list.value?.items ?? []);
      show({ items: [...before, ...items], next, isFurther: cursor !== undefined });
    } catch (error) {
      if (own !== turn) return;
      if (shown !== entry) list.value = undefined; // what is here belongs to another list
      problem.value = error;
    } finally {
      if (own === turn) loading.value = false;
    }
  }

  async function more(): Promise<void> {
    if (loading.value) return;
    if (list.value === undefined) await take();
    else if (list.value.next) await take(list.value.next);
  }

  function open(): void {
    const at = shownEntry();
    const isAnother = at.position !== position;
    position = at.position;
    entry = `${position} ${key()}`;
    const kept = isAnother && at.forward ? (remembered.get(entry) as Read<Item> | undefined) : undefined;
    if (kept === undefined) {
      void take();
      return;
    }
    turn++;
    loading.value = false;
    problem.value = "";
    show(kept);
  }

  open();
  watch(key, open);

  return {
    items: computed({
      get: () => list.value?.items ?? [],
      set: (items) => {
        if (list.value) list.value = { ...list.value, items };
      },
    }),
    ...{ problem, loading, more },
    isEmpty: computed(() => list.value?.items.length === 0 && !list.value.next),
    hasMore: computed(() => Boolean(list.value?.next)),
    isFurther: computed(() => list.value?.isFurther ?? false),
    load: () => take(),
  };
}
