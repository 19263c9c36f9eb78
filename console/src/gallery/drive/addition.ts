import { type Ref, ref, watch } from "vue";
import { api, ok, type Schema } from "@/api/client";
import { listen } from "@/api/events";
import { Problem } from "@/api/problem";
import { forgetPages } from "@/components/pages";
import { CONFLICT } from "./drive";

export type Addition = Schema<"AdditionProgress">;

/** Why a file was not added. */
export function reasonOf({ detail, code, parameters }: Schema<"AdditionError">): Problem {
  return new Problem(CONFLICT, detail, {}, undefined, "", code ?? "", parameters);
}

/** Tells how far an addition is whenever that changes. Returns what ends it. */
export function followAddition(id: number, tell: (progress: Addition) => void): () => void {
  const stop = listen(`/api/gallery/additions/${id}/events`, {
    events: {
      progress: tell,
      done: (progress: Addition) => {
        stop();
        tell(progress);
      },
    },
  });
  return stop;
}

/** How far an addition is, which is followed while the component is there, and the files that could not be added. */
export function useAddition(id: () => number): {
  progress: Ref<Addition | undefined>;
  errors: Ref<Schema<"AdditionError">[]>;
  /** Why it could not be read; "" if it could. */
  problem: Ref<unknown>;
  read: () => Promise<void>;
} {
  const progress = ref<Addition>();
  const errors = ref<Schema<"AdditionError">[]>([]);
  const problem = ref<unknown>("");

  /** Answers and events overtake one another: what is shown never goes back. */
  function take(now: Addition): void {
    problem.value = "";
    if (progress.value === undefined || reached(now) >= reached(progress.value)) progress.value = now;
  }

  async function read(): Promise<void> {
    const own = id();
    try {
      const body = await ok(
        api.GET("/api/gallery/additions/{addition_id}", { params: { path: { addition_id: own } } }),
      );
      if (own !== id()) return;
      take(body);
      if (body.errors.length >= errors.value.length) errors.value = body.errors;
    } catch (error) {
      if (own === id()) problem.value = error;
    }
  }

  watch(
    id,
    (followed, _before, cleanUp) => {
      progress.value = undefined;
      errors.value = [];
      problem.value = "";
      void read();
      const stop = followAddition(followed, (now) => {
        const failed = progress.value?.failed ?? 0;
        take(now);
        if (now.failed > failed || now.finished_at) void read();
        if (now.finished_at) forgetPages();
      });
      cleanUp(stop);
    },
    { immediate: true },
  );
  return { progress, errors, problem, read };
}

/** The number of files that are done with; its end is behind all of them. */
function reached({ added, failed, finished_at }: Addition): number {
  return finished_at === null ? added + failed : Number.POSITIVE_INFINITY;
}
