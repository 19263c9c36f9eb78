import { multipart, upload } from "@/api/client";
import { forgetPages } from "@/components/pages";
import { type Entry, uploadQueue } from "@/components/upload-queue";
import type { Prediction } from "./findings";
import { asTitle } from "./titles";

export interface Sent extends Entry {
  readonly name: string;
  /** The model that is to read it, as name/version. */
  readonly model: string;
  prediction?: Prediction;
}

const queue = uploadQueue<Sent>({ send, atOnce: 2, newestFirst: true });
/** Files that are sent to be read; what has been read stays in the history when it is taken out of here. */
export const { entries: sent, arrived: readCount, someDone, remove, clearDone, isUnderWay } = queue;
export const { hold, goOn, again, allAgain, mayTryAgain, failures } = queue;

export function add(files: Iterable<File>, model: string): void {
  queue.add(files, ({ name }) => ({ name, model }));
}

/** Takes a prediction that was deleted out of the list. */
export function removePrediction(id: number): void {
  queue.removeWhere((each) => each.prediction?.id === id);
}

async function send(entry: Sent, signal: AbortSignal): Promise<"done"> {
  entry.share = 0;
  const form = multipart({ model: entry.model, title: asTitle(entry.name), file: entry.file });
  const progress = (share: number) => (entry.share = share);
  entry.prediction = await upload<Prediction>("/api/predictions", form, progress, signal);
  forgetPages();
  return "done";
}
