import { computed, onBeforeUnmount, reactive } from "vue";
import { api, ok, type Schema } from "@/api/client";
import { Problem } from "@/api/problem";
import { sentenceOf } from "@/api/sentences";
import { sha256 } from "./digest";
import { ElsewhereError } from "./drive";
import { cancelUpload, uploadFile } from "./upload";

export type UploadState =
  "waiting" | "checking" | "duplicate" | "uploading" | "resumed" | "done" | "failed" | "cut";

/** One file on its way into a folder. */
export interface Upload {
  readonly id: number;
  readonly file: File;
  readonly folder: string;
  state: UploadState;
  /** From 0 to 1. */
  share: number;
  /** Why it was not uploaded, for the reader. */
  problem: string;
  /** Pictures of the gallery with the same bytes. */
  duplicates: Schema<"ListedPicture">[];
  /** Whether it is uploaded although it is in the gallery already. */
  anyway: boolean;
}

const DUPLICATES = 3;
let last = 0;

/**
 * The uploads of a page, one after the other.
 *
 * @param words What is said of an empty file, and of a drive whose files are uploaded elsewhere.
 * @param arrived Called after each file.
 */
export function useUploads(words: { empty: () => string; elsewhere: () => string }, arrived: () => void) {
  const uploads = reactive<Upload[]>([]);
  const controllers = new Map<number, AbortController>();
  let running = false;

  function add(folder: string, files: Iterable<File>): void {
    for (const file of files) {
      const problem = file.size === 0 ? words.empty() : "";
      const state = problem ? "failed" : "waiting";
      uploads.push({ id: ++last, file, folder, state, share: 0, problem, duplicates: [], anyway: false });
    }
    void run();
  }

  async function run(): Promise<void> {
    if (running) return;
    running = true;
    try {
      let next;
      while ((next = uploads.find((each) => each.state === "waiting"))) await one(next);
    } finally {
      running = false;
    }
  }

  async function one(upload: Upload): Promise<void> {
    const controller = new AbortController();
    controllers.set(upload.id, controller);
    try {
      if (!upload.anyway && (await isDuplicate(upload))) return;
      upload.state = "uploading";
      await uploadFile(upload.folder, upload.file, {
        signal: controller.signal,
        progress: (bytes, resumed) => {
          upload.share = bytes / upload.file.size;
          upload.state = resumed ? "resumed" : "uploading";
        },
      });
      upload.state = "done";
      arrived();
    } catch (error) {
      if (controller.signal.aborted) return;
      upload.problem = error instanceof ElsewhereError ? words.elsewhere() : sentenceOf(error);
      upload.state = error instanceof Problem && error.status === 0 && upload.share > 0 ? "cut" : "failed";
    } finally {
      controllers.delete(upload.id);
    }
  }

  async function isDuplicate(upload: Upload): Promise<boolean> {
    upload.state = "checking";
    const digest = await sha256(upload.file);
    if (!digest) return false;
    const query = { sha256: digest, limit: DUPLICATES };
    const found = await ok(api.GET("/api/gallery/pictures", { params: { query } }));
    upload.duplicates = found.pictures;
    if (found.pictures.length === 0) return false;
    upload.state = "duplicate";
    return true;
  }

  function again(upload: Upload): void {
    upload.anyway ||= upload.state === "duplicate";
    upload.problem = "";
    upload.state = "waiting";
    void run();
  }

  async function cancel(upload: Upload): Promise<void> {
    controllers.get(upload.id)?.abort();
    const at = uploads.findIndex((each) => each.id === upload.id);
    if (at >= 0) uploads.splice(at, 1);
    if (upload.state !== "done") await cancelUpload(upload.folder, upload.file);
  }

  function clear(): void {
    uploads.splice(0, uploads.length, ...uploads.filter((each) => each.state !== "done"));
  }

  onBeforeUnmount(() => {
    for (const each of controllers.values()) each.abort();
    uploads.splice(0);
  });
  const someDone = computed(() => uploads.some((each) => each.state === "done"));
  return { uploads, someDone, add, again, cancel, clear };
}
