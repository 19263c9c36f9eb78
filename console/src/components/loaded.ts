import { ref, type Ref } from "vue";
import { sentenceOf } from "@/api/sentences";

export interface Loaded<Value> {
  value: Ref<Value | undefined>;
  /** What went wrong, for the reader; "" if nothing did. */
  problem: Ref<string>;
  loading: Ref<boolean>;
  /** Loads anew. Of several loads that run at once only the last one counts. */
  load: () => Promise<void>;
}

/** What a page shows of the server, beside whether it is being loaded and why it could not be. Loads at once. */
export function useLoaded<Value>(read: () => Promise<Value>): Loaded<Value> {
  const value = ref<Value>() as Ref<Value | undefined>;
  const problem = ref("");
  const loading = ref(false);
  let last = 0;
  async function load(): Promise<void> {
    const own = ++last;
    loading.value = true;
    try {
      const found = await read();
      if (own !== last) return;
      value.value = found;
      problem.value = "";
    } catch (error) {
      if (own === last) problem.value = sentenceOf(error);
    } finally {
      if (own === last) loading.value = false;
    }
  }
  void load();
  return { value, problem, loading, load };
}
