import { readonly, ref } from "vue";
import { hasStatus, pauseAfter } from "@/api/problem";
import { otherUnlessWritten, type Version } from "@/api/versions";
import type { Values } from "@/labelling/form/json";
import { isSame } from "@/labelling/form/values";
import { type Draft, fetchDraft, saveDraft } from "./jobs";
import { readLocal, removeLocal, writeLocal } from "./local-drafts";

/**
 * How what was entered is kept: "local" is on this device until the server can be reached again; "unkept" is on the
 * page alone, since the device has no room for it; "conflict" means that another window or device has saved a draft
 * meanwhile; "gone" that the job is finished, or another doctor's.
 */
export type DraftState = "none" | "unsaved" | "saving" | "saved" | "local" | "unkept" | "conflict" | "gone";

const PAUSE_MS = 500;
const RETRY_MS = 3000;
const LONGEST_RETRY_MS = 30_000;

/** Keeps what a doctor enters for one job: at once on this device, and on the server when there is a pause. */
export class DraftKeeper {
  private readonly changing = ref<DraftState>("none");
  private readonly since = ref<Date | null>(null);
  readonly state = readonly(this.changing);
  readonly savedAt = readonly(this.since);
  /** What another window has saved, while the state is "conflict". */
  theirs: Values = {};
  private tag = "";
  private pending: Values | null = null;
  /** What was sent last, and may have arrived though no answer did. */
  private unanswered: Values | null = null;
  /** Whether this device has what is pending. */
  private stored = true;
  private timer = 0;
  private retry = RETRY_MS;
  private sending: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly jobId: string,
    private readonly accountId: number,
    /** The time that was spent so far. */
    private readonly milliseconds: () => number,
  ) {}

  /** Whether what was entered is on the page alone, so that it is lost with it. What can't be kept at all is not meant. */
  get isKeptNowhere(): boolean {
    return this.pending !== null && !this.stored && this.changing.value !== "gone";
  }

  /** What was entered so far; null for nothing. What this device has kept and the server has not goes first. */
  async open(): Promise<Values | null> {
    const local = readLocal(this.accountId, this.jobId);
    const server = await fetchDraft(this.jobId);
    this.keep(server);
    if (local?.values == null || isSame(local.values, server.data.values ?? undefined))
      return server.data.values;
    this.pending = local.values;
    if (local.tag !== server.tag && server.data.values !== null) {
      this.contradict(server);
    } else {
      this.changing.value = "unsaved";
      this.schedule(0);
    }
    return local.values;
  }

  /** Something was entered. */
  change(values: Values): void {
    if (this.closed) return;
    this.pending = values;
    this.store();
    if (this.changing.value === "conflict" || this.changing.value === "gone") return;
    const waits = this.changing.value === "local" || this.changing.value === "unkept";
    this.changing.value = waits ? this.waiting() : "unsaved";
    if (this.sending === null) this.schedule(PAUSE_MS);
  }

  /** Sends what the server does not have yet, unless there is a conflict. Throws `Problem` if it could not. */
  async flush(): Promise<void> {
    window.clearTimeout(this.timer);
    await this.sending;
    window.clearTimeout(this.timer);
    if (this.pending === null || this.changing.value === "conflict") return;
    await this.send();
    window.clearTimeout(this.timer);
  }

  /** Ends a conflict: these values follow what the other window has saved. */
  settle(values: Values): void {
    this.pending = values;
    this.changing.value = "unsaved";
    this.store();
    this.schedule(0);
  }

  /** The job is finished: nothing of it is kept on this device. */
  discard(): void {
    this.pending = null;
    this.close();
    removeLocal(this.accountId, this.jobId);
  }

  /** Stops sending. What the server does not have stays on this device. */
  close(): void {
    this.closed = true;
    window.clearTimeout(this.timer);
    if (this.changing.value !== "gone") this.store();
  }

  private schedule(milliseconds: number): void {
    window.clearTimeout(this.timer);
    if (!this.closed)
      this.timer = window.setTimeout(() => void this.send().catch(() => undefined), milliseconds);
  }

  private send(): Promise<void> {
    this.sending ??= this.transmit().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  private async transmit(): Promise<void> {
    const values = this.pending;
    if (values === null) return;
    this.changing.value = "saving";
    const save = async () => {
      this.saved(values, await saveDraft(this.jobId, values, this.tag));
    };
    try {
      const before = this.unanswered;
      this.unanswered = values;
      const other = await otherUnlessWritten(save, () => fetchDraft(this.jobId));
      this.unanswered = null;
      this.retry = RETRY_MS;
      if (other === undefined) return;
      const own = [values, before].find((each) => each !== null && isSame(each, other.data.values ?? {}));
      if (own) this.saved(own, other);
      else this.contradict(other);
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  private saved(values: Values, draft: Version<Draft>): void {
    if (this.pending === values) this.pending = null;
    this.keep(draft);
    this.store();
    if (this.pending !== null) this.schedule(PAUSE_MS);
  }

  private failed(error: unknown): void {
    if (hasStatus(error, 403, 404)) {
      this.changing.value = "gone";
      return;
    }
    this.store();
    this.changing.value = this.waiting();
    this.schedule(pauseAfter(error, this.retry));
    this.retry = Math.min(2 * this.retry, LONGEST_RETRY_MS);
  }

  private contradict(server: Version<Draft>): void {
    this.keep(server);
    this.theirs = server.data.values ?? {};
    this.changing.value = "conflict";
  }

  private keep({ data, tag }: Version<Draft>): void {
    this.tag = tag;
    this.since.value = data.savedAt;
    this.changing.value = data.savedAt === null ? "none" : this.pending === null ? "saved" : "unsaved";
  }

  private waiting(): DraftState {
    return this.stored ? "local" : "unkept";
  }

  private store(): void {
    const draft = { values: this.pending, tag: this.tag, milliseconds: this.milliseconds() };
    this.stored = writeLocal(this.accountId, this.jobId, draft);
  }
}
