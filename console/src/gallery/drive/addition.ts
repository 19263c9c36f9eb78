import type { Schema } from "@/api/client";
import { listen } from "@/api/events";

export type Addition = Schema<"AdditionProgress">;

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
