import { describe, expect, test, vi } from "vitest";
import { ref } from "vue";

vi.mock("@/api/sentences", () => ({ sentenceOf: (error: Error) => error.message }));
const { forgetPages, usePages } = await import("./pages");

const LISTS: Record<string, string[]> = { letters: ["a", "b", "c", "d", "e"], none: [] };

function reader(name: () => string) {
  return vi.fn((cursor?: string) => {
    const list = LISTS[name()] ?? [];
    const start = Number(cursor ?? 0);
    const next = start + 2 < list.length ? String(start + 2) : null;
    return Promise.resolve({ items: list.slice(start, start + 2), next });
  });
}

const never = (): boolean => false;
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("a list that is read page by page", () => {
  test("has each item once, in its order, and an end", async () => {
    const read = reader(() => "letters");
    const pages = usePages(() => "one", read, never);
    await settled();
    expect(pages.items.value).toEqual(["a", "b"]);
    await Promise.all([pages.more(), pages.more()]); // the end of the page may be seen twice
    await pages.more();
    await pages.more();
    expect(pages.items.value).toEqual(LISTS.letters);
    expect(pages.hasMore.value).toBe(false);
    expect(read).toHaveBeenCalledTimes(3);
  });

  test("is there at once for who comes back, and not after it was forgotten", async () => {
    const read = reader(() => "letters");
    const pages = usePages(() => "back", read, never);
    await settled();
    await pages.more();
    const again = usePages(
      () => "back",
      read,
      () => true,
    );
    expect(again.items.value).toEqual(["a", "b", "c", "d"]);
    await again.more();
    expect(again.items.value).toEqual(LISTS.letters);
    forgetPages();
    expect(
      usePages(
        () => "back",
        read,
        () => true,
      ).items.value,
    ).toEqual([]);
  });

  test("begins anew with another key, and drops what comes late for the old one", async () => {
    const name = ref("letters");
    const late: (() => void)[] = [];
    const read = (): Promise<{ items: string[]; next: null }> => {
      const items = LISTS[name.value] ?? [];
      return new Promise((resolve) => late.push(() => resolve({ items, next: null })));
    };
    const pages = usePages(() => name.value, read, never);
    name.value = "none";
    await settled();
    for (const each of late.reverse()) each();
    await settled();
    expect(pages.items.value).toEqual([]);
    expect(pages.hasMore.value).toBe(false);
  });

  test("says what went wrong, and goes on from there", async () => {
    let broken = true;
    const read = reader(() => "letters");
    const pages = usePages(
      () => "broken",
      (cursor?: string) => (broken && cursor ? Promise.reject(new Error("It broke.")) : read(cursor)),
      never,
    );
    await settled();
    await pages.more();
    expect(pages.problem.value).toBe("It broke.");
    broken = false;
    await pages.more();
    expect(pages.problem.value).toBe("");
    expect(pages.items.value).toEqual(["a", "b", "c", "d"]);
  });
});
