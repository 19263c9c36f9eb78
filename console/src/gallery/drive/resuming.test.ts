import { beforeEach, describe, expect, test, vi } from "vitest";
import { forget, recall, remember, uploadKey } from "./resuming";

const stored = new Map<string, string>();
const file = { name: "a.png", size: 10, lastModified: 1 };
const DAY = 24 * 3600 * 1000;

beforeEach(() => {
  stored.clear();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => stored.get(name) ?? null,
    setItem: (name: string, value: string) => stored.set(name, value),
  });
});

describe("a remembered upload", () => {
  test("is that of the same file in the same folder alone", () => {
    remember(uploadKey("folder", file), "token");
    expect(recall(uploadKey("folder", { ...file }))).toBe("token");
    for (const other of [{ name: "b.png" }, { size: 11 }, { lastModified: 2 }])
      expect(recall(uploadKey("folder", { ...file, ...other }))).toBeUndefined();
    expect(recall(uploadKey("other", file))).toBeUndefined();
  });

  test("has a name that no other file can have, whatever is in it", () => {
    const one = uploadKey("a", { name: 'b",1', size: 2, lastModified: 3 });
    const other = uploadKey('a","b', { name: "1", size: 2, lastModified: 3 });
    expect(one).not.toBe(other);
  });

  test("ends when it is forgotten, and after a month", () => {
    const key = uploadKey("folder", file);
    remember(key, "token", 0);
    expect(recall(key, 29 * DAY)).toBe("token");
    expect(recall(key, 30 * DAY)).toBeUndefined();
    remember(key, "token");
    forget(key);
    expect(recall(key)).toBeUndefined();
  });

  test("gives way to newer ones, so that the storage does not fill", () => {
    for (let number = 0; number < 300; number++) remember(`${number}`, "token");
    expect(recall("99")).toBeUndefined();
    expect(recall("100")).toBe("token");
    expect(recall("299")).toBe("token");
  });

  test.each(["", "x", "{}", "null", '[["a"]]', '[["a",null]]', '[["a",{"token":1,"at":2}]]'])(
    "is none in a storage that says %s",
    (text) => {
      stored.set("lightbox.gallery.uploads", text);
      expect(recall("a")).toBeUndefined();
      remember("b", "token");
      expect(recall("b")).toBe("token");
    },
  );

  test("is none where the browser has no storage, and the upload goes on", () => {
    vi.stubGlobal("localStorage", {
      getItem: () => {
        throw new Error("closed");
      },
      setItem: () => {
        throw new Error("full");
      },
    });
    remember("a", "token");
    expect(recall("a")).toBeUndefined();
  });
});
