import { multipart, upload } from "@/api/client";
import { type Entry, uploadQueue } from "@/components/upload-queue";

interface Upload extends Entry {
  readonly scheme: string;
}

const queue = uploadQueue<Upload>({ send, atOnce: 2, newestFirst: true });
export const { entries: uploads, arrived } = queue;

export function add(files: Iterable<File>, scheme: string): void {
  queue.add(files, () => ({ scheme }));
}

/** Takes what is over, well or not, out of the list; what is under way stays. */
export function clearOver(): void {
  queue.removeWhere((each) => !queue.isUnderWay(each));
}

/** Each file is in a request of its own: what is wrong with one is no fault of the others. */
async function send(entry: Upload, signal: AbortSignal): Promise<"done"> {
  const form = multipart({ file: entry.file, scheme: entry.scheme || undefined });
  const progress = (share: number) => (entry.share = share);
  await upload<unknown>("/api/uploads/medical-images", form, progress, signal);
  return "done";
}
