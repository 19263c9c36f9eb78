import type { Schema } from "@/api/client";

export type Addition = Schema<"AdditionProgress">;

/** Tells how far an addition is whenever that changes, by server-sent events; the browser connects again by itself.
 * Returns what ends it. */
export function followAddition(id: number, tell: (progress: Addition) => void): () => void {
  const events = new EventSource(`/api/gallery/additions/${id}/events`);
  const receive = (event: MessageEvent<string>): void => tell(JSON.parse(event.data) as Addition);
  events.addEventListener("progress", receive);
  events.addEventListener("done", (event) => {
    events.close();
    receive(event);
  });
  return () => events.close();
}
