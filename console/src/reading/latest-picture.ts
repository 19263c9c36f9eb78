/** Loads a picture; aborted by the signal. */
type Load = (window: string | undefined, viewport: string | undefined, signal: AbortSignal) => Promise<Blob>;

interface Wanted {
  window: string | undefined;
  viewport: string | undefined;
}

/**
 * Pictures that replace each other faster than they can be loaded: never more than one is under way, and the last one that was
 * asked for is always shown in the end. A small one is let finish, so that something is seen while one drags; a whole
 * one gives way to what is asked for after it.
 */
export class LatestPicture {
  private running: { wanted: Wanted; abort: AbortController } | null = null;
  private next: Wanted | null = null;

  constructor(
    private readonly load: Load,
    private readonly show: (picture: Blob) => void,
    private readonly fail: (error: unknown) => void,
  ) {}

  /** Asks for a picture through a window, no larger than a viewport; undefined for what the server chooses. */
  ask(window: string | undefined, viewport?: string): void {
    this.next = { window, viewport };
    if (this.running === null) void this.work();
    else if (viewport === undefined || this.running.wanted.viewport === undefined) this.running.abort.abort();
  }

  /** Ends what is under way. */
  close(): void {
    this.next = null;
    this.running?.abort.abort();
  }

  private async work(): Promise<void> {
    for (let wanted = this.next; wanted !== null; wanted = this.next) {
      this.next = null;
      const abort = new AbortController();
      this.running = { wanted, abort };
      try {
        const picture = await this.load(wanted.window, wanted.viewport, abort.signal);
        if (!abort.signal.aborted) this.show(picture);
      } catch (error) {
        if (!abort.signal.aborted) this.fail(error);
      }
    }
    this.running = null;
  }
}
