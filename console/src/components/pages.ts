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
  /** Begins anew with the first page, which takes the place of all as soon as it is there. */
  load: () => Promise<void>;
  /**
   * Puts what is new in front of what is here, without a sign that it is being read; pages that were added stay, and one that
   * is being read comes. Asked for while anything is being read, it waits for the end of that.
   *
   * @param idOf What makes an item the same one as before.
   */
  refresh: (idOf: IdOf<Item>) => Promise<void>;
  /** Adds the next page, or tries again what went wrong; does nothing while another page is being read. */
  more: () => Promise<void>;
}

type IdOf<Item> = (item: Item) => unknown;

/** What has been read of a list. */
interface Read<Item> extends Page<Item> {
  /** Whether there is more here than the first page. */
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
  /** How often the list has begun anew. */
  let beginnings = 0;
  /** Tries again what went wrong, unless that was the next page. */
  let again: (() => Promise<void>) | undefined;
  let isRefreshing = false;
  /** Of the refreshing that waits. */
  let due: IdOf<Item> | undefined;

  function begin(): void {
    beginnings++;
    due = undefined;
    again = undefined;
    problem.value = "";
  }

  function show(found: Read<Item>): void {
    list.value = found;
    shown = entry;
    remember(entry, found);
  }

  async function take(cursor?: string): Promise<void> {
    const own = ++turn;
    if (cursor === undefined) begin();
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
      if (cursor === undefined) again = () => take();
    } finally {
      if (own === turn) {
        loading.value = false;
        if (due) void refresh(due);
      }
    }
  }

  async function refresh(idOf: IdOf<Item>): Promise<void> {
    if (loading.value || isRefreshing) {
      due = idOf;
      return;
    }
    due = undefined;
    isRefreshing = true;
    const own = beginnings;
    try {
      let { items, next } = await read();
      // There may be more that is new than the first page has.
      while (own === beginnings && next && isKept() && !meets(items, idOf)) {
        const page = await read(next);
        items = [...items, ...page.items];
        next = page.next;
      }
      if (own !== beginnings) return;
      show(withKept({ items, next }, idOf));
      if (again) problem.value = "";
      again = undefined;
    } catch (error) {
      if (own !== beginnings) return;
      again = () => refresh(idOf);
      problem.value = error;
    } finally {
      isRefreshing = false;
      if (due) void refresh(due);
    }
  }

  /** Whether what is here stays when the first page is read anew: else it is that page alone. */
  function isKept(): boolean {
    return list.value !== undefined && (list.value.isFurther || loading.value);
  }

  function meets(items: readonly Item[], idOf: IdOf<Item>): boolean {
    const known = new Set(list.value?.items.map(idOf));
    return items.some((each) => known.has(idOf(each)));
  }

  /** What is at the beginning of the list now, and behind it what is kept. */
  function withKept(newest: Page<Item>, idOf: IdOf<Item>): Read<Item> {
    const isWhole = !newest.next && !loading.value;
    if (list.value === undefined || !isKept() || isWhole) return { ...newest, isFurther: false };
    const known = new Set(newest.items.map(idOf));
    const behind = list.value.items.filter((each) => !known.has(idOf(each)));
    return { ...list.value, items: [...newest.items, ...behind] };
  }

  async function more(): Promise<void> {
    if (loading.value) return;
    if (again) {
      problem.value = "";
      await again();
    } else if (list.value === undefined) await take();
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
    begin();
    loading.value = false;
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
    ...{ problem, loading, refresh, more },
    isEmpty: computed(() => list.value?.items.length === 0 && !list.value.next),
    hasMore: computed(() => Boolean(list.value?.next)),
    load: () => take(),
  };
}
