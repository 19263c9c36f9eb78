import { beforeAll, expect, test, vi } from "vitest";

let format: typeof import("./format");
let readable: typeof import(".").readable;

beforeAll(async () => {
  vi.stubGlobal("navigator", { languages: ["en-GB"] });
  vi.stubGlobal("localStorage", { getItem: () => null });
  format = await import("./format");
  ({ readable } = await import("."));
});

const ARABIC = "\u0635\u0648\u0631";

test.each([
  ["a.png", "a.png"],
  ["图片 1", "图片 1"],
  [ARABIC, `\u2068${ARABIC}\u2069`],
  ["a\u202eb", "\u2068a\u202eb\u2069"],
  ["a\u2069\u202eb", "\u2068a\u202eb\u2069"],
  ["\u2067a", "\u2068\u2067a\u2069\u2069"],
])("the name %j turns nothing around it", (name, written) => {
  expect(format.isolated(name)).toBe(written);
});

test("what stands in a sentence is written as its reader does, but for ids", () => {
  const named = { count: 1_000_000, id: 1_000_000, name: ARABIC, other: null };
  expect(readable(named)).toEqual({
    count: "1,000,000",
    id: 1_000_000,
    name: `\u2068${ARABIC}\u2069`,
    other: null,
  });
});
