import { nextTick, type Ref, ref } from "vue";

export interface Loaded<Value> {
  value: Ref<Value | undefined>;
  /** What went wrong; "" if nothing did. */
  problem: Ref<unknown>;
  loading: Ref<boolean>;
  /** Loads anew. Of several loads that run at once only the last one counts. */
  load: () => Promise<void>;
}

const underWay = new Set<Promise<unknown>>();

/** Something that a page is being filled with, for which `filled` waits. */
export function filling<Value>(read: Promise<Value>): Promise<Value> {
  const end = (): boolean => underWay.delete(read);
  underWay.add(read);
  read.then(end, end);
  return read;
}

/** Waits until the page shows all that it has asked for, also what its parts have asked for as they came. */
export async function filled(): Promise<void> {
  await nextTick();
  while (underWay.size > 0) {
    await Promise.allSettled(underWay);
    await nextTick();
  }
}

/** What a page shows of the server, beside whether it is being loaded and why it could not be. Loads at once. */
export function useLoaded<Value>(read: () => Promise<Value>): Loaded<Value> {
  const value = ref<Value>() as Ref<Value | undefined>;
  const problem = ref<unknown>("");
  const loading = ref(false);
  let last = 0;
  async function load(): Promise<void> {
    const own = ++last;
    loading.value = true;
    try {
      const found = await filling(read());
      if (own !== last) return;
      value.value = found;
      problem.value = "";
    } catch (error) {
      if (own === last) problem.value = error;
    } finally {
      if (own === last) loading.value = false;
    }
  }
  void load();
  return { value, problem, loading, load };
}
