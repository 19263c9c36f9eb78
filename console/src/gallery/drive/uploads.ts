import { api, ok, type Schema } from "@/api/client";
import { type Entry, uploadQueue } from "@/components/upload-queue";
import { sha256 } from "./digest";
import { ElsewhereError } from "./drive";
import { cancelUpload, uploadFile } from "./upload";

/** One file on its way into a folder. */
export interface Upload extends Entry<"checking" | "duplicate" | "resumed"> {
  readonly folder: string;
  /** Why it was not uploaded, where that is not for the server to say. */
  reason: "empty" | "elsewhere" | null;
  /** Pictures of the gallery with the same bytes. */
  duplicates: Schema<"ListedPicture">[];
  /** Whether it is uploaded although it is in the gallery already. */
  anyway: boolean;
}

const DUPLICATES = 3;

const queue = uploadQueue<Upload>({ send, failed, mayTryAgain, isOnce: true, atOnce: 1 });
/** Files that are uploaded into folders. */
export const { entries: uploads, someDone, arrived, clearDone } = queue;
export const { hold, goOn, allAgain, failures } = queue;

export function add(folder: string, files: Iterable<File>): void {
  queue.add(files, ({ size }) => ({
    ...{ folder, reason: null, duplicates: [], anyway: false },
    ...(size === 0 ? { state: "failed", reason: "empty" } : {}),
  }));
}

export function again(upload: Upload): void {
  upload.anyway ||= upload.state === "duplicate";
  upload.reason = null;
  queue.again(upload);
}

export async function cancel(upload: Upload): Promise<void> {
  queue.remove(upload);
  if (upload.state !== "done") await cancelUpload(upload.folder, upload.file);
}

async function send(upload: Upload, signal: AbortSignal): Promise<"done" | "duplicate"> {
  if (!upload.anyway) {
    upload.state = "checking";
    upload.duplicates = await duplicatesOf(upload.file, signal);
    if (upload.duplicates.length > 0) return "duplicate";
  }
  upload.state = "sending";
  await uploadFile(upload.folder, upload.file, {
    signal,
    progress: (bytes, resumed) => {
      upload.share = bytes / upload.file.size;
      upload.state = resumed ? "resumed" : "sending";
    },
  });
  return "done";
}

function failed(upload: Upload, error: unknown): void {
  if (error instanceof ElsewhereError) upload.reason = "elsewhere";
}

function mayTryAgain({ state, reason }: Upload): boolean {
  return state === "failed" && reason === null;
}

async function duplicatesOf(file: File, signal: AbortSignal): Promise<Schema<"ListedPicture">[]> {
  const digest = await sha256(file);
  signal.throwIfAborted();
  if (!digest) return [];
  const query = { sha256: digest, limit: DUPLICATES };
  const { pictures } = await ok(api.GET("/api/gallery/pictures", { params: { query }, signal }));
  signal.throwIfAborted();
  return pictures;
}
