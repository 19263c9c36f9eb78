import { reactive } from "vue";
import { upload, multipart } from "@/api/client";
import { Problem } from "@/api/problem";
import { sentenceOf } from "@/api/sentences";

export interface Upload {
  id: number;
  name: string;
  state: "waiting" | "sending" | "done" | "failed";
  /** How much was sent, from 0 to 1. */
  share: number;
  error: unknown;
}

const AT_ONCE = 2;
let last = 0;

/** Sends many files, each in a request of its own: what is wrong with one is no fault of the others. */
export function useUploads(done: () => void) {
  const uploads = reactive<Upload[]>([]);
  const waiting: { upload: Upload; file: File; scheme: string }[] = [];
  let sending = 0;

  function add(files: Iterable<File>, scheme: string): void {
    for (const file of files) {
      uploads.unshift({ id: ++last, name: file.name, state: "waiting", share: 0, error: null });
      const [added] = uploads;
      if (added !== undefined) waiting.push({ upload: added, file, scheme });
    }
    for (let free = AT_ONCE - sending; free > 0; free -= 1) void work();
  }

  async function work(): Promise<void> {
    const next = waiting.shift();
    if (next === undefined) return;
    sending += 1;
    await send(next.upload, next.file, next.scheme);
    sending -= 1;
    done();
    await work();
  }

  return { uploads, add };
}

async function send(state: Upload, file: File, scheme: string): Promise<void> {
  state.state = "sending";
  try {
    const form = multipart({ file, scheme: scheme || undefined });
    await upload<unknown>("/api/uploads/medical-images", form, (share) => (state.share = share));
    state.state = "done";
    state.share = 1;
  } catch (error) {
    state.state = "failed";
    state.error = error;
  }
}

/** Why a file was not uploaded. A refusal of the file itself is in the words of `noPicture`. */
export function whyNot(error: unknown, noPicture: (detail: string) => string): string {
  return error instanceof Problem && error.status === 400 ? noPicture(error.detail) : sentenceOf(error);
}
