import { reactive } from "vue";

export interface Toast {
  id: number;
  kind: "good" | "danger";
  /** A text for the reader, or what was thrown. */
  said: unknown;
}

export const toasts = reactive<Toast[]>([]);
let last = 0;

/** Says for some seconds, at the edge of the page, that something was done. */
export function say(text: string): void {
  toasts.push({ id: ++last, kind: "good", said: text });
}

/** Says, until the reader closes it, that something did not work, and what to do. */
export function complain(error: unknown): void {
  toasts.push({ id: ++last, kind: "danger", said: error });
}

export function remove(id: number): void {
  const at = toasts.findIndex((each) => each.id === id);
  if (at >= 0) toasts.splice(at, 1);
}
