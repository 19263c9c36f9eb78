import { computed, reactive, readonly, ref, shallowReactive, shallowRef, watch } from "vue";
import { hasStatus, isTemporary, pauseAfter } from "@/api/problem";
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

/** Why nothing is sent for now, and until when. */
export interface Hold {
  readonly problem: unknown;
  readonly until: Date;
}

/** No answer, too many requests, and a server that is busy or restarts: the next file would fail as this one did. */
const HOLDING = [0, 429, 503];
const FIRST_PAUSE_MS = 2000;
const LONGEST_PAUSE_MS = 60_000;

/** What an entry has beside that, and a state other than "waiting" where the file is not to be sent at first. */
type Own<Upload extends Entry<string>> = Omit<Upload, keyof Entry> & Partial<Pick<Upload, "state">>;

interface Options<Upload extends Entry<string>> {
  /** Sends the file, and returns the state that the entry has then: "done" if the file has arrived. */
  send: (entry: Upload, signal: AbortSignal) => Promise<Upload["state"]>;
  /** Takes note of why a file was not sent, beside what the queue does. */
  failed?: (entry: Upload, error: unknown) => void;
  /** Whether a file that is over may be sent once more; those that failed for what may pass unless it is given. */
  mayTryAgain?: (entry: Upload) => boolean;
  /** Whether a file that is sent again is there once, also if it has arrived before and only the answer was lost. */
  isOnce?: boolean;
  /** How many are sent at a time. */
  atOnce: number;
  /** Whether the list begins with what was added last. What was added first is sent first all the same. */
  newestFirst?: boolean;
}

/**
 * Files on their way to the server. They outlive what shows them, as the reader may look at something else meanwhile; they
 * end with the session of their account. Where the server can't be reached, or wants a pause, all of them wait for it, and
 * go on by themselves.
 */
export function uploadQueue<Upload extends Entry<string>>(options: Options<Upload>) {
  const entries = shallowReactive<Upload[]>([]);
  const sending = shallowReactive(new Map<number, AbortController>());
  const arrived = ref(0);
  const hold = shallowRef<Hold | null>(null);
  /** How often each file was to be sent, by their ids. */
  const tries = new Map<number, number>();
  const mayTryAgain = options.mayTryAgain ?? failedForNow;
  let last = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = FIRST_PAUSE_MS;

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
    tries.delete(entry.id);
    entry.problem = null;
    entry.state = "waiting";
    start();
  }

  /** Sends all that may be sent once more, but for those of which each has to be looked after. */
  function allAgain(): void {
    entries.filter(isOfAll).forEach(again);
  }

  function isOfAll(entry: Upload): boolean {
    return mayTryAgain(entry) && !mayHaveArrived(entry);
  }

  /** Takes a file out of the list; one that waits or is being sent is not sent any further. */
  function remove(entry: Upload): void {
    sending.get(entry.id)?.abort();
    const at = entries.findIndex((each) => each.id === entry.id);
    if (at >= 0) entries.splice(at, 1);
    tries.delete(entry.id);
    if (!entries.some(isWaiting)) release();
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
    () => {
      removeWhere(() => true);
      pause = FIRST_PAUSE_MS;
    },
    { flush: "sync" },
  );
  askBeforeLeaving(() => entries.some(isUnderWay));

  /** Nothing more is sent for a while: as long as the server asks for, or longer with each time. */
  function holdFor(problem: unknown): void {
    const until = Math.max(hold.value?.until.getTime() ?? 0, Date.now() + pauseAfter(problem, pause));
    if (hold.value === null) pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    hold.value = { problem, until: new Date(until) };
    clearTimeout(timer);
    timer = setTimeout(goOn, until - Date.now());
  }

  function release(): void {
    clearTimeout(timer);
    hold.value = null;
  }

  /** Ends the pause. */
  function goOn(): void {
    release();
    start();
  }

  function start(): void {
    while (hold.value === null && sending.size < options.atOnce) {
      const next = nextOf(options.newestFirst ? [...entries].reverse() : entries);
      if (next === undefined) return;
      void send(next);
    }
  }

  /** What was tried least: a file that fails again and again is not in the way of the others. */
  function nextOf(inOrder: Upload[]): Upload | undefined {
    const waiting = inOrder.filter(isWaiting);
    const triesOf = (entry: Upload) => tries.get(entry.id) ?? 0;
    const least = Math.min(...waiting.map(triesOf));
    return waiting.find((entry) => triesOf(entry) === least);
  }

  async function send(entry: Upload): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    sending.set(entry.id, controller);
    tries.set(entry.id, (tries.get(entry.id) ?? 0) + 1);
    entry.state = "sending";
    try {
      const state = await options.send(entry, signal);
      if (signal.aborted) return;
      entry.state = state;
      pause = FIRST_PAUSE_MS;
      if (state === "done") arrived.value += 1;
    } catch (error) {
      const passes = hasStatus(error, ...HOLDING) && (await isReadable(entry.file));
      if (signal.aborted) return;
      entry.problem = error;
      entry.state = passes && (options.isOnce || !mayHaveArrived(entry)) ? "waiting" : "failed";
      if (passes && entries.some(isWaiting)) holdFor(error);
      if (isWaiting(entry)) entry.problem = null;
      else options.failed?.(entry, error);
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
    /** Why nothing is sent for now; null if that is not so. */
    hold: readonly(hold),
    goOn,
    add,
    again,
    allAgain,
    mayTryAgain,
    /** How many `allAgain` sends. */
    failures: computed(() => entries.filter(isOfAll).length),
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

function failedForNow({ state, problem }: Entry<string>): boolean {
  return state === "failed" && isTemporary(problem);
}

/** Whether all of a file was sent, and no answer came. Then it is not sent again unasked: it would be there twice. */
export function mayHaveArrived({ problem, share }: Entry<string>): boolean {
  return share >= 1 && hasStatus(problem, 0);
}

/** Whether the file can be read still: a browser says of one that is gone from the disk only that no answer arrived. */
async function isReadable(file: File): Promise<boolean> {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
