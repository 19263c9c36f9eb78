import { computed, type ComputedRef, type Ref, ref, shallowRef, type ShallowRef } from "vue";
import { Problem, type Refusal } from "@/api/problem";

export interface Attempt {
  busy: Ref<boolean>;
  /** What went wrong; "" if nothing did. */
  problem: ShallowRef<unknown>;
  /** What is wrong with single fields, by the server's names of them. */
  fields: ComputedRef<Readonly<Record<string, Refusal>>>;
  /** Does it; whether it is done. */
  attempt: (work: () => Promise<unknown>) => Promise<boolean>;
  /** Forgets what went wrong. */
  reset: () => void;
}

/** What a form does at the server, which may refuse it: whether it is under way, and why it was refused the last time. */
export function useAttempt(): Attempt {
  const busy = ref(false);
  const problem = shallowRef<unknown>("");
  const fields = computed(() => (problem.value instanceof Problem ? problem.value.fields : {}));

  function reset(): void {
    problem.value = "";
  }

  async function attempt(work: () => Promise<unknown>): Promise<boolean> {
    busy.value = true;
    reset();
    try {
      await work();
      return true;
    } catch (error) {
      problem.value = error;
      return false;
    } finally {
      busy.value = false;
    }
  }

  return { busy, problem, fields, attempt, reset };
}
