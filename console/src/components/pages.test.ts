import { beforeEach, expect, test, vi } from "vitest";
import { nextTick, ref } from "vue";
import type { Page } from "./pages";

const { forgetPages, usePages } = await import("./pages");

const PAGES: Record<string, Page<number>> = {
  "": { items: [1, 2], next: "b" },
  b: { items: [3], next: "c" },
  c: { items: [4], next: null },
};

const BROKEN = new Error("It broke.");

/** The entry of the browser's history that is shown, as vue-router keeps it. */
function visit(position: number, forward: string | null = null): void {
  vi.stubGlobal("history", { state: { position, forward } });
}

beforeEach(() => {
  forgetPages();
  visit(0);
});

/** A list whose answers come when the test lets them. */
function list(key: () => string = () => "numbers") {
  const waiting: { answer: (page?: Page<number>) => void; fail: () => void }[] = [];
  const read = vi.fn(
    (cursor = "") =>
      new Promise<Page<number>>((resolve, reject) => {
        const answer = (page = PAGES[cursor]): void => page && resolve(page);
        waiting.push({ answer, fail: () => reject(BROKEN) });
      }),
  );
  return { waiting, read, pages: usePages(key, read) };
}

const answered = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

test("pages follow each other, and two clicks ask for one", async () => {
  const { waiting, read, pages } = list();
  expect([pages.loading.value, pages.isEmpty.value]).toEqual([true, false]);
  waiting[0]?.answer();
  await answered();
  expect([pages.items.value, pages.hasMore.value]).toEqual([[1, 2], true]);
  void pages.more();
  void pages.more();
  expect(read).toHaveBeenCalledTimes(2);
  waiting[1]?.answer();
  await answered();
  expect(pages.items.value).toEqual([1, 2, 3]);
  void pages.more();
  waiting[2]?.answer();
  await answered();
  expect([pages.items.value, pages.hasMore.value]).toEqual([[1, 2, 3, 4], false]);
  await pages.more();
  expect(read).toHaveBeenCalledTimes(3);
});

test("a list that has begun anew takes nothing of the one before, which stays until then", async () => {
  const { waiting, pages } = list();
  waiting[0]?.answer();
  await answered();
  void pages.more();
  void pages.load();
  expect(pages.items.value).toEqual([1, 2]);
  waiting[2]?.answer({ items: [9], next: null });
  await answered();
  waiting[1]?.answer();
  await answered();
  expect([pages.items.value, pages.hasMore.value]).toEqual([[9], false]);
});

test("of two first pages the one that was asked for last is shown, whichever comes first", async () => {
  const { waiting, pages } = list();
  void pages.load();
  waiting[1]?.answer({ items: [8], next: null });
  await answered();
  waiting[0]?.answer();
  await answered();
  expect(pages.items.value).toEqual([8]);
});

test("what went wrong is said, and reading goes on from there", async () => {
  const { waiting, pages } = list();
  waiting[0]?.fail();
  await answered();
  expect([pages.problem.value, pages.isEmpty.value]).toEqual([BROKEN, false]);
  void pages.more();
  waiting[1]?.answer();
  await answered();
  void pages.more();
  waiting[2]?.fail();
  await answered();
  expect([pages.problem.value, pages.items.value]).toEqual([BROKEN, [1, 2]]);
  void pages.more();
  waiting[3]?.answer();
  await answered();
  expect([pages.problem.value, pages.items.value]).toEqual(["", [1, 2, 3]]);
});

test.each([
  ["one page", { items: [4], next: null }],
  ["more pages", { items: [1, 2], next: "b" }],
])("a list of %s that could not be read anew is read anew by trying again", async (_name, first) => {
  const { waiting, read, pages } = list();
  waiting[0]?.answer(first);
  await answered();
  void pages.load();
  waiting[1]?.fail();
  await answered();
  expect([pages.items.value, pages.problem.value]).toEqual([first.items, BROKEN]);
  void pages.more();
  expect(read.mock.calls.map(([cursor]) => cursor)).toEqual([undefined, undefined, undefined]);
  waiting[2]?.answer({ items: [9], next: null });
  await answered();
  expect([pages.items.value, pages.problem.value]).toEqual([[9], ""]);
});

test("another key is another list, and nothing of the one before stays if it can't be read", async () => {
  const key = ref("letters");
  const { waiting, pages } = list(() => key.value);
  waiting[0]?.answer();
  await answered();
  key.value = "none";
  await nextTick();
  waiting[1]?.fail();
  await answered();
  expect([pages.items.value, pages.hasMore.value, pages.problem.value]).toEqual([[], false, BROKEN]);
});

/** A list of which two pages were read at the second place of the history. */
async function twoPages(key?: () => string): Promise<void> {
  visit(1);
  const { waiting, pages } = list(key);
  waiting[0]?.answer();
  await answered();
  void pages.more();
  waiting[1]?.answer();
  await answered();
}

test("who goes back finds all that was read, and goes on behind it", async () => {
  await twoPages();
  visit(1, "/reading/7");
  const { waiting, read, pages } = list();
  expect([pages.items.value, pages.loading.value]).toEqual([[1, 2, 3], false]);
  expect(read).not.toHaveBeenCalled();
  void pages.more();
  waiting[0]?.answer();
  await answered();
  expect(pages.items.value).toEqual([1, 2, 3, 4]);
});

test("who comes by a link, or to another place or list, begins with the first page", async () => {
  await twoPages();
  visit(1);
  expect(list().pages.items.value).toEqual([]);
  visit(0, "/reading/7");
  expect(list().pages.items.value).toEqual([]);
  visit(1, "/reading/7");
  expect(list(() => "letters").pages.items.value).toEqual([]);
});

test("what was forgotten is read anew", async () => {
  await twoPages();
  forgetPages();
  visit(1, "/reading/7");
  expect(list().pages.items.value).toEqual([]);
});

test("who goes back within one page finds the list too, but not who chooses a filter there", async () => {
  const key = ref("letters");
  await twoPages(() => "letters");
  visit(2);
  key.value = "numbers";
  const { read, pages } = list(() => key.value);
  visit(1, "/gallery/groups/2");
  key.value = "letters";
  await nextTick();
  expect(pages.items.value).toEqual([1, 2, 3]);
  expect(read).toHaveBeenCalledTimes(1);
  key.value = "numbers";
  await nextTick();
  key.value = "letters";
  await nextTick();
  expect(read).toHaveBeenCalledTimes(3);
});
