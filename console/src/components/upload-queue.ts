import { computed, reactive, readonly, ref, shallowReactive, watch } from "vue";
import { session } from "@/session/session";
import { askBeforeLeaving } from "./leaving";

/** A file that waits to be sent, is being sent, or was; what sends it may have states of its own. */
export interface Entry<State extends string = never> {
  readonly id: number;
  readonly file: File;
  state: "waiting" | "sending" | "done" | "failed" | State;
  /** How much of the file has been sent, from 0 to 1. */
  share: number;
  /** Why it did not arrive: what was thrown. */
  problem: unknown;
}

/** What an entry has beside that, and a state other than "waiting" where the file is not to be sent at first. */
type Own<Upload extends Entry<string>> = Omit<Upload, keyof Entry> & Partial<Pick<Upload, "state">>;

interface Options<Upload extends Entry<string>> {
  /** Sends the file, and returns the state that the entry has then: "done" if the file has arrived. */
  send: (entry: Upload, signal: AbortSignal) => Promise<Upload["state"]>;
  /** Takes note of why a file was not sent, beside what the queue does. */
  failed?: (entry: Upload, error: unknown) => void;
  /** How many are sent at a time. */
  atOnce: number;
  /** Whether the list begins with what was added last. What was added first is sent first all the same. */
  newestFirst?: boolean;
}

/**
 * Files on their way to the server. They outlive what shows them, as the reader may look at something else meanwhile; they
 * end with the session of their account.
 */
export function uploadQueue<Upload extends Entry<string>>(options: Options<Upload>) {
  const entries = shallowReactive<Upload[]>([]);
  const sending = shallowReactive(new Map<number, AbortController>());
  const arrived = ref(0);
  let last = 0;

  function add(files: Iterable<File>, own: (file: File) => Own<Upload>): void {
    for (const file of files) {
      const common: Entry = { id: ++last, file, state: "waiting", share: 0, problem: null };
      const entry = reactive({ ...common, ...own(file) }) as unknown as Upload;
      if (options.newestFirst) entries.unshift(entry);
      else entries.push(entry);
    }
    start();
  }

  function again(entry: Upload): void {
    if (isUnderWay(entry)) return;
    entry.problem = null;
    entry.state = "waiting";
    start();
  }

  /** Takes a file out of the list; one that waits or is being sent is not sent any further. */
  function remove(entry: Upload): void {
    sending.get(entry.id)?.abort();
    const at = entries.findIndex((each) => each.id === entry.id);
    if (at >= 0) entries.splice(at, 1);
  }

  function removeWhere(isMeant: (entry: Upload) => boolean): void {
    entries.filter(isMeant).forEach(remove);
  }

  function isUnderWay(entry: Upload): boolean {
    return isWaiting(entry) || sending.has(entry.id);
  }

  // At once, so that nothing is sent in the name of the account that signs in next.
  watch(
    () => session.account.value?.account_id,
    () => removeWhere(() => true),
    { flush: "sync" },
  );
  askBeforeLeaving(() => entries.some(isUnderWay));

  function start(): void {
    while (sending.size < options.atOnce) {
      const next = options.newestFirst ? entries.findLast(isWaiting) : entries.find(isWaiting);
      if (next === undefined) return;
      void send(next);
    }
  }

  async function send(entry: Upload): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    sending.set(entry.id, controller);
    entry.state = "sending";
    try {
      const state = await options.send(entry, signal);
      if (signal.aborted) return;
      entry.state = state;
      if (state === "done") arrived.value += 1;
    } catch (error) {
      if (signal.aborted) return;
      entry.problem = error;
      entry.state = "failed";
      options.failed?.(entry, error);
    } finally {
      sending.delete(entry.id);
      start();
    }
  }

  return {
    entries,
    /** How many have arrived since the page was loaded. */
    arrived: readonly(arrived),
    someDone: computed(() => entries.some(isDone)),
    add,
    again,
    remove,
    removeWhere,
    /** Takes what has arrived out of the list. */
    clearDone: () => removeWhere(isDone),
    isUnderWay,
  };
}

function isWaiting(entry: Entry<string>): boolean {
  return entry.state === "waiting";
}

function isDone(entry: Entry<string>): boolean {
  return entry.state === "done";
}
