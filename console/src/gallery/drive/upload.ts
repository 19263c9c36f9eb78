import { api, ok } from "@/api/client";
import { pauseAfter, Problem } from "@/api/problem";
import { chunkEnd, contentRange, firstMissing } from "./chunks";
import { sessionToken } from "./drive";
import { forget, recall, remember, uploadKey } from "./resuming";

export interface Following {
  /** How many bytes are durable on the server; `resumed` if they came from an earlier upload. */
  progress: (bytes: number, resumed: boolean) => void;
  signal: AbortSignal;
}

const WAITS_MILLISECONDS = [500, 1500, 4000];
/** Where the server asks for a longer pause, the reader is told, and goes on when they like. */
const LONGEST_WAIT_MILLISECONDS = 30_000;

/**
 * Uploads a file into a folder in chunks, and goes on with what an earlier upload of it has sent. A chunk that is cut is
 * sent again a few times. Throws `Problem`; what has arrived by then is kept for the next time.
 */
export async function uploadFile(folder: string, file: File, { progress, signal }: Following): Promise<void> {
  const key = uploadKey(folder, file);
  let { token, start } = await resumed(key);
  progress(start, start > 0);
  if (!token) {
    token = await sessionToken(folder, file.name);
    remember(key, token);
  }
  let failures = 0;
  while (start < file.size) {
    signal.throwIfAborted();
    try {
      start = await sendChunk(token, file, start, signal);
      failures = 0;
      progress(start, false);
    } catch (error) {
      const wait = pauseAfter(error, WAITS_MILLISECONDS[failures++] ?? Infinity);
      if (!isPassing(error) || wait > LONGEST_WAIT_MILLISECONDS || signal.aborted) {
        if (isGone(error)) forget(key);
        throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
      start = await received(token).catch(() => start);
    }
  }
  forget(key);
}

/** Ends the upload of a file: what has arrived is thrown away. */
export async function cancelUpload(folder: string, file: File): Promise<void> {
  const key = uploadKey(folder, file);
  const token = recall(key);
  forget(key);
  if (token) await api.DELETE("/image/upload-sessions/{token}", { params: { path: { token } } });
}

async function resumed(key: string): Promise<{ token?: string; start: number }> {
  const token = recall(key);
  if (!token) return { start: 0 };
  try {
    return { token, start: await received(token) };
  } catch (error) {
    if (!isGone(error)) throw error;
    forget(key);
    return { start: 0 };
  }
}

async function received(token: string): Promise<number> {
  const path = { path: { token } };
  return firstMissing(
    (await ok(api.GET("/image/upload-sessions/{token}", { params: path }))).nextExpectedRanges,
  );
}

/** Sends one chunk, and returns the first byte that is missing then. */
async function sendChunk(token: string, file: File, start: number, signal: AbortSignal): Promise<number> {
  const end = chunkEnd(start, file.size);
  const bytes = file.slice(start, end);
  const sent = api.PUT("/image/upload-sessions/{token}", {
    params: { path: { token }, header: { "Content-Range": contentRange(start, end, file.size) } },
    headers: { "content-type": "application/octet-stream" },
    body: "", // The document's type of bytes is string; these are sent:
    bodySerializer: () => bytes,
    signal,
  });
  const answer = await ok(sent);
  return "nextExpectedRanges" in answer ? firstMissing(answer.nextExpectedRanges) : file.size;
}

/** Whether trying again helps: the network, a server that is busy or restarts, and a chunk that had arrived after all. */
function isPassing(error: unknown): boolean {
  return error instanceof Problem && (error.status === 0 || [416, 429, 502, 503, 504].includes(error.status));
}

function isGone(error: unknown): boolean {
  return error instanceof Problem && [404, 410].includes(error.status);
}
