import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Problem } from "@/api/problem";
import { DraftKeeper } from "./drafts";
import { type Draft, fetchDraft, saveDraft } from "./jobs";

vi.mock("@/api/client", () => ({ ok: vi.fn() }));
vi.mock("./jobs", () => ({ fetchDraft: vi.fn(), saveDraft: vi.fn() }));

const JOB = "12";
const OUTDATED = new Problem(412, "");
const UNREACHABLE = new Problem(0, "");
const MINE = { comment: "mine" };
const THEIRS = { comment: "theirs" };
const stored = new Map<string, string>();

function version(values: Draft["values"], tag: string) {
  return { data: { values, savedAt: values === null ? null : new Date() }, tag };
}

beforeEach(() => {
  stored.clear();
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => stored.set(name, value),
  });
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.resetAllMocks();
  vi.unstubAllGlobals();
});

/** What keeps the draft of a job that has none so far, after the doctor has entered something. */
async function entered(): Promise<DraftKeeper> {
  vi.mocked(fetchDraft).mockResolvedValueOnce(version(null, "first"));
  const keeper = new DraftKeeper(JOB, 7, () => 0);
  await keeper.open();
  keeper.change(MINE);
  return keeper;
}

test("what was entered is sent after a pause", async () => {
  const keeper = await entered();
  vi.mocked(saveDraft).mockResolvedValueOnce(version(MINE, "second"));
  expect(keeper.state.value).toBe("unsaved");
  await vi.advanceTimersByTimeAsync(1000);
  expect(saveDraft).toHaveBeenCalledExactlyOnceWith(JOB, MINE, "first");
  expect(keeper.state.value).toBe("saved");
});

test("a draft that another window has saved is fetched until it arrives, and neither is lost meanwhile", async () => {
  const keeper = await entered();
  vi.mocked(saveDraft).mockRejectedValue(OUTDATED);
  vi.mocked(fetchDraft).mockRejectedValueOnce(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(1000);
  expect(keeper.state.value).toBe("local");
  expect([...stored.values()].join()).toContain("mine");

  vi.mocked(fetchDraft).mockRejectedValueOnce(UNREACHABLE);
  await expect(keeper.flush()).rejects.toBe(UNREACHABLE);
  expect(keeper.state.value).toBe("local");

  vi.mocked(fetchDraft).mockResolvedValueOnce(version(THEIRS, "second"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(keeper.state.value).toBe("conflict");
  expect(keeper.theirs).toEqual(THEIRS);
  expect([...stored.values()].join()).toContain("mine");
});

test("a draft that arrived though its answer did not is no conflict", async () => {
  const keeper = await entered();
  vi.mocked(saveDraft).mockRejectedValueOnce(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(1000);
  expect(keeper.state.value).toBe("local");
  vi.mocked(saveDraft).mockRejectedValueOnce(OUTDATED);
  vi.mocked(fetchDraft).mockResolvedValueOnce(version(MINE, "second"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(keeper.state.value).toBe("saved");
});

test("nor is it where more was entered since, which follows it", async () => {
  const keeper = await entered();
  vi.mocked(saveDraft).mockRejectedValueOnce(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(1000);
  const more = { comment: "mine, and more" };
  keeper.change(more);
  vi.mocked(saveDraft).mockRejectedValueOnce(OUTDATED).mockResolvedValueOnce(version(more, "third"));
  vi.mocked(fetchDraft).mockResolvedValueOnce(version(MINE, "second"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(saveDraft).toHaveBeenLastCalledWith(JOB, more, "second");
  expect(keeper.state.value).toBe("saved");
});

test("a job that is another doctor's by the time its draft is fetched is gone", async () => {
  const keeper = await entered();
  vi.mocked(saveDraft).mockRejectedValueOnce(OUTDATED);
  vi.mocked(fetchDraft).mockRejectedValueOnce(new Problem(403, ""));
  await vi.advanceTimersByTimeAsync(1000);
  expect(keeper.state.value).toBe("gone");
});
