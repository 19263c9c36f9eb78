import { beforeEach, expect, test, vi } from "vitest";
import { nextTick, ref } from "vue";
import type { Page } from "./pages";

const { forgetPages, usePages } = await import("./pages");

const FIRST: Page<number> = { items: [1, 2], next: "b" };
const SECOND: Page<number> = { items: [3], next: "c" };
const BROKEN = new Error("It broke.");

const itself = (item: number): number => item;
const answered = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  forgetPages();
  vi.stubGlobal("history", { state: { position: 0, forward: null } });
});

/** A list that is being read; `answer` lets the answer to a request come, or an error for nothing. */
function list(key: () => string = () => "numbers") {
  const waiting: ((page?: Page<number>) => void)[] = [];
  const read = vi.fn<(cursor?: string) => Promise<Page<number>>>(
    () =>
      new Promise((resolve, reject) => {
        waiting.push((page) => (page ? resolve(page) : reject(BROKEN)));
      }),
  );
  async function answer(at: number, page?: Page<number>): Promise<void> {
    waiting[at]?.(page);
    await answered();
  }
  return { read, answer, pages: usePages(key, read) };
}

/** One of which two pages are here. */
async function twoPages() {
  const made = list();
  await made.answer(0, FIRST);
  void made.pages.more();
  await made.answer(1, SECOND);
  return made;
}

test("what is new comes in front, and pages that were added stay", async () => {
  const { read, answer, pages } = await twoPages();
  void pages.refresh(itself);
  expect(pages.loading.value).toBe(false);
  await answer(2, { items: [0, 1], next: "ab" });
  expect(pages.items.value).toEqual([0, 1, 2, 3]);
  void pages.more();
  expect(read).toHaveBeenLastCalledWith("c");
});

test("of what is new nothing is left out, also if it is more than a page", async () => {
  const { read, answer, pages } = await twoPages();
  void pages.refresh(itself);
  await answer(2, { items: [-3, -2], next: "older" });
  expect(read).toHaveBeenLastCalledWith("older");
  await answer(3, { items: [-1, 0, 1], next: "ab" });
  expect(pages.items.value).toEqual([-3, -2, -1, 0, 1, 2, 3]);
});

test("a first page alone is what it is now", async () => {
  const { answer, pages } = list();
  await answer(0, FIRST);
  void pages.refresh(itself);
  await answer(1, { items: [0, 2], next: "b" });
  expect(pages.items.value).toEqual([0, 2]);
});

test("so is a list that has become a single page", async () => {
  const { answer, pages } = await twoPages();
  void pages.refresh(itself);
  await answer(2, { items: [3], next: null });
  expect([pages.items.value, pages.hasMore.value]).toEqual([[3], false]);
});

test("the next page comes also if what is new is read meanwhile", async () => {
  const { answer, pages } = list();
  await answer(0, FIRST);
  void pages.refresh(itself);
  void pages.more();
  await answer(1, { items: [0, 1], next: "ab" });
  await answer(2, SECOND);
  expect(pages.items.value).toEqual([0, 1, 2, 3]);
});

test("what is new is read behind what is being read, once", async () => {
  const { read, answer, pages } = list();
  void pages.refresh(itself);
  void pages.refresh(itself);
  expect(read).toHaveBeenCalledTimes(1);
  await answer(0, FIRST);
  expect(read).toHaveBeenCalledTimes(2);
  void pages.refresh(itself);
  await answer(1, FIRST);
  expect(read).toHaveBeenCalledTimes(3);
  await answer(2, { items: [0], next: null });
  expect(pages.items.value).toEqual([0]);
  expect(read).toHaveBeenCalledTimes(3);
});

test("what is new can be read again after an error, and by itself", async () => {
  const { read, answer, pages } = list();
  await answer(0, FIRST);
  for (const [at, again] of [() => pages.more(), () => pages.refresh(itself)].entries()) {
    void pages.refresh(itself);
    await answer(1 + 2 * at);
    expect([pages.items.value, pages.problem.value]).toEqual([[1, 2], BROKEN]);
    void again();
    expect(read).toHaveBeenLastCalledWith();
    await answer(2 + 2 * at, FIRST);
    expect(pages.problem.value).toBe("");
  }
});

test("what is new of a list comes into no other one", async () => {
  const key = ref("letters");
  const { answer, pages } = list(() => key.value);
  await answer(0, FIRST);
  void pages.refresh(itself);
  key.value = "none";
  await nextTick();
  await answer(2, { items: [7], next: null });
  await answer(1, FIRST);
  expect(pages.items.value).toEqual([7]);
});
