import { isToBeSentAgain } from "./client";
import { secondsUntil } from "./problem";

export interface Listening {
  /** What is done with an event, by its name. It is given the JSON of its data. */
  events: Record<string, (data: never) => void>;
  /** Whether the connection stands. */
  connected?: (stands: boolean) => void;
}

const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 30;
/** These pass by themselves, as those from 500 do. */
const PASSING = [408, 425, 429];

/**
 * Listens to the server-sent events of a path until the function that is returned is called. A browser connects again by
 * itself only after a connection that was cut; after an answer that is no stream, as when the session has ended or the
 * server is being restarted, it gives up. Here the reader signs in again, or a pause passes, and it goes on behind the
 * last event (`lastEventId`, for a server that knows it).
 */
export function listen(path: string, { events, connected }: Listening): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  let pause = FIRST_PAUSE_SECONDS;
  let last = "";
  let isOver = false;

  function open(): void {
    source = new EventSource(last ? withQuery(path, "lastEventId", last) : path);
    source.addEventListener("open", () => {
      pause = FIRST_PAUSE_SECONDS;
      connected?.(true);
    });
    source.addEventListener("error", () => {
      connected?.(false);
      if (source?.readyState === EventSource.CLOSED) void goOn();
    });
    for (const [name, tell] of Object.entries(events)) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        last = event.lastEventId || last;
        (tell as (data: unknown) => void)(JSON.parse(event.data));
      });
    }
  }

  async function goOn(): Promise<void> {
    const { status, retryAfter } = await answerOf(path);
    if (isOver) return;
    // A stream that is refused although there is a session would be asked for without end, were there no pause.
    if (await isToBeSentAgain(status)) reopen(pause);
    else if (status < 400 || status >= 500 || PASSING.includes(status)) reopen(retryAfter ?? pause);
  }

  function reopen(seconds: number): void {
    pause = Math.min(2 * pause, LONGEST_PAUSE_SECONDS);
    if (!isOver) timer = window.setTimeout(open, seconds * 1000);
  }

  open();
  return () => {
    isOver = true;
    window.clearTimeout(timer);
    source?.close();
  };
}

/** What the server answers now; the status is 0 if nothing comes. An event source does not tell. */
async function answerOf(path: string): Promise<{ status: number; retryAfter?: number }> {
  const controller = new AbortController();
  try {
    const headers = { accept: "text/event-stream" };
    const { status, headers: own } = await fetch(path, { headers, signal: controller.signal });
    return { status, retryAfter: secondsUntil(own.get("retry-after"), own.get("date")) };
  } catch {
    return { status: 0 };
  } finally {
    controller.abort();
  }
}

function withQuery(path: string, name: string, value: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(value)}`;
}
