import { multipart, upload } from "@/api/client";
import { type Entry, uploadQueue } from "@/components/upload-queue";

interface Upload extends Entry {
  readonly scheme: string;
}

const queue = uploadQueue<Upload>({ send, atOnce: 2, newestFirst: true });
export const { entries: uploads, arrived, hold, goOn, failures } = queue;
export const { again, allAgain, mayTryAgain, remove, clearDone } = queue;

export function add(files: Iterable<File>, scheme: string): void {
  queue.add(files, () => ({ scheme }));
}

export function clearFailed(): void {
  queue.removeWhere((each) => each.state === "failed");
}

/** Each file is in a request of its own: what is wrong with one is no fault of the others. */
async function send(entry: Upload, signal: AbortSignal): Promise<"done"> {
  entry.share = 0;
  const form = multipart({ file: entry.file, scheme: entry.scheme || undefined });
  const progress = (share: number) => (entry.share = share);
  await upload<unknown>("/api/uploads/medical-images", form, progress, signal);
  return "done";
}
