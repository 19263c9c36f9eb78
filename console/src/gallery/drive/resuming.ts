/** What makes two choices of a file the same one, as far as a browser tells. */
export type ChosenFile = Pick<File, "name" | "size" | "lastModified">;

const STORED = "lightbox.gallery.uploads";
const MOST = 200;
const KEPT_MILLISECONDS = 30 * 24 * 3600 * 1000;

interface Kept {
  /** The last part of the address of the upload session. */
  token: string;
  at: number;
}

/** The name under which an upload of a file into a folder is remembered. */
export function uploadKey(folder: string, file: ChosenFile): string {
  return JSON.stringify([folder, file.name, file.size, file.lastModified]);
}

/** The upload session that was begun for this file, if this browser remembers one. */
export function recall(key: string, now = Date.now()): string | undefined {
  const kept = read().get(key);
  return kept && now - kept.at < KEPT_MILLISECONDS ? kept.token : undefined;
}

/** Remembers an upload session beyond the page, and forgets the oldest ones. */
export function remember(key: string, token: string, now = Date.now()): void {
  const all = read();
  all.delete(key);
  all.set(key, { token, at: now });
  write([...all].filter(([, kept]) => now - kept.at < KEPT_MILLISECONDS).slice(-MOST));
}

export function forget(key: string): void {
  write([...read()].filter(([each]) => each !== key));
}

function read(): Map<string, Kept> {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? "[]");
    return new Map(Array.isArray(stored) ? stored.filter(isEntry) : []);
  } catch {
    return new Map();
  }
}

function isEntry(value: unknown): value is [string, Kept] {
  if (!Array.isArray(value) || typeof value[0] !== "string") return false;
  const kept = value[1] as Partial<Kept> | null;
  return typeof kept?.token === "string" && typeof kept.at === "number";
}

function write(entries: [string, Kept][]): void {
  try {
    localStorage.setItem(STORED, JSON.stringify(entries));
  } catch {
    // Storage is full or closed: the upload goes on, and only can't be resumed.
  }
}
