import { ref, shallowRef, watch, type Ref, type ShallowRef } from "vue";
import { sentenceOf } from "@/api/sentences";

/** A page of a list, as the server gives it. */
export interface Part<Item> {
  items: readonly Item[];
  /** What asks for the next page; null behind the last one. */
  next: string | null;
}

export interface Pages<Item> {
  items: ShallowRef<readonly Item[]>;
  loading: Ref<boolean>;
  /** What went wrong, for the reader; "" if nothing did. */
  problem: Ref<string>;
  /** Whether there are more items than those that were read. */
  hasMore: Ref<boolean>;
  /** Reads the next page. */
  more: () => Promise<void>;
  /** Reads the list anew. */
  restart: () => Promise<void>;
}

const MOST_REMEMBERED = 20;
const remembered = new Map<string, Part<unknown>>();

/** Forgets what was read of all lists, since something has been changed. */
export function forgetPages(): void {
  remembered.clear();
}

/**
 * A list that is read page by page. Its first page is read at once.
 *
 * Who comes back to it finds what was read already, so that the page has its height at once, and the browser's scroll
 * position holds.
 *
 * @param key What makes the list another one, such as its filter.
 * @param read Reads a page; without a cursor the first one.
 * @param cameBack Whether the reader has come back to this page.
 */
export function usePages<Item>(
  key: () => string,
  read: (cursor?: string) => Promise<Part<Item>>,
  cameBack: () => boolean = hasPageAhead,
): Pages<Item> {
  const items = shallowRef<readonly Item[]>([]);
  const loading = ref(false);
  const problem = ref("");
  const hasMore = ref(true);
  let cursor: string | undefined;
  let generation = 0;

  function show(part: Part<Item>): void {
    items.value = part.items;
    cursor = part.next ?? undefined;
    hasMore.value = part.next !== null;
    remember(key(), part);
  }

  async function more(): Promise<void> {
    if (loading.value || !hasMore.value) return;
    const own = generation;
    loading.value = true;
    problem.value = "";
    try {
      const part = await read(cursor);
      if (own === generation) show({ items: [...items.value, ...part.items], next: part.next });
    } catch (error) {
      if (own === generation) problem.value = sentenceOf(error);
    } finally {
      if (own === generation) loading.value = false;
    }
  }

  async function restart(): Promise<void> {
    generation++;
    loading.value = false;
    hasMore.value = true;
    cursor = undefined;
    items.value = [];
    await more();
  }

  const kept = cameBack() ? (remembered.get(key()) as Part<Item> | undefined) : undefined;
  if (kept) show(kept);
  else void more();
  watch(key, restart);
  return { items, loading, problem, hasMore, more, restart };
}

function remember(key: string, part: Part<unknown>): void {
  remembered.delete(key);
  remembered.set(key, part);
  const oldest = remembered.keys().next().value;
  if (remembered.size > MOST_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
}

/** vue-router keeps in the state of each entry of the history which entry is ahead of it. */
function hasPageAhead(): boolean {
  const state = history.state as { forward?: string | null } | null;
  return Boolean(state?.forward);
}
