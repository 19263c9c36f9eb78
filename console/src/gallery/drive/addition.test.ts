import { beforeEach, expect, test, vi } from "vitest";
import { effectScope, nextTick, ref } from "vue";
import type { Addition } from "./addition";

const BUSY = new Error("It is busy.");

/** Requests that wait for an answer, with errors for those that fail; and what the stream of the addition is told by. */
const asked: { id: number; answer: (body?: Partial<Addition> & { errors?: object[] }) => void }[] = [];
let events: Record<string, (progress: Addition) => void> = {};

vi.mock("@/api/client", () => ({
  ok: (asking: Promise<unknown>) => asking,
  api: {
    GET: (_path: string, { params }: { params: { path: { addition_id: number } } }) =>
      new Promise((resolve, reject) => {
        const id = params.path.addition_id;
        const answer = (body?: object) =>
          body ? resolve({ ...addition(id), errors: [], ...body }) : reject(BUSY);
        asked.push({ id, answer });
      }),
  },
}));
vi.mock("@/api/events", () => ({
  listen: (_path: string, listening: { events: typeof events }) => {
    events = listening.events;
    return () => undefined;
  },
}));
const { useAddition } = await import("./addition");

const answered = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

function addition(id: number, changes: Partial<Addition> = {}): Addition {
  const at = "2026-01-02T03:04:05Z";
  const files = { total: 4, added: 0, failed: 0, current: null, groups: [] };
  return { id, state: "running", ...files, created_by: 1, created_at: at, finished_at: null, ...changes };
}

const DONE = { state: "done", added: 4, finished_at: "2026-01-02T03:05:05Z" } as const;

beforeEach(() => {
  asked.length = 0;
});

function follow(id = () => 7) {
  const followed = effectScope().run(() => useAddition(id));
  if (followed === undefined) throw new Error("The scope is over.");
  return followed;
}

test("what the stream tells is shown, also if the first answer was an error", async () => {
  const { progress, problem } = follow();
  asked[0]?.answer();
  await answered();
  expect([progress.value, problem.value]).toEqual([undefined, BUSY]);
  events.progress?.(addition(7, { added: 2 }));
  expect([progress.value?.added, problem.value]).toEqual([2, ""]);
});

test("an answer that comes late puts nothing back", async () => {
  const { progress } = follow();
  events.progress?.(addition(7, { added: 2 }));
  events.done?.(addition(7, DONE));
  asked[0]?.answer({ added: 1 });
  await answered();
  expect([progress.value?.state, progress.value?.added]).toEqual(["done", 4]);
});

test("files that could not be added are read as they become known, and stay", async () => {
  const { errors } = follow();
  events.progress?.(addition(7, { failed: 1 }));
  expect(asked).toHaveLength(2);
  const failed = { file_id: "a", file_name: "a.png", detail: "It is broken." };
  asked[1]?.answer({ failed: 1, errors: [failed] });
  await answered();
  asked[0]?.answer({ errors: [] });
  await answered();
  expect(errors.value).toEqual([failed]);
});

test("another addition begins with nothing of the one before", async () => {
  const id = ref(7);
  const { progress } = follow(() => id.value);
  events.done?.(addition(7, DONE));
  id.value = 8;
  await nextTick();
  expect(progress.value).toBeUndefined();
  asked[0]?.answer(DONE);
  await answered();
  expect(progress.value).toBeUndefined();
  asked.find((each) => each.id === 8)?.answer({ added: 1 });
  await answered();
  expect(progress.value).toMatchObject({ id: 8, added: 1 });
});
