import { isJson, isRecord, type Values, valuesOf } from "@/labelling/form/json";

/** What this device keeps of a job until the server has it, and the time that was spent on it so far. */
export interface LocalDraft {
  /** Null if the server has everything. */
  values: Values | null;
  /** The tag of the server's draft that it follows. */
  tag: string;
  milliseconds: number;
}

const PREFIX = "lightbox.labelling.";

/** Where a draft is kept: each doctor has an own place, since several may use one computer. */
function place(accountId: number, jobId: string): string {
  return `${PREFIX}${accountId}.${jobId}`;
}

export function readLocal(accountId: number, jobId: string): LocalDraft | null {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(place(accountId, jobId)) ?? "null");
    if (!isRecord(found)) return null;
    const { values, tag, milliseconds } = found;
    return {
      values: isRecord(values) && isJson(values) ? valuesOf(values) : null,
      tag: typeof tag === "string" ? tag : "",
      milliseconds: typeof milliseconds === "number" && milliseconds > 0 ? milliseconds : 0,
    };
  } catch {
    return null; // written by something else
  }
}

/** Keeps it. Returns false if the device has no room for it. */
export function writeLocal(accountId: number, jobId: string, draft: LocalDraft): boolean {
  try {
    localStorage.setItem(place(accountId, jobId), JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

export function removeLocal(accountId: number, jobId: string): void {
  localStorage.removeItem(place(accountId, jobId));
}
