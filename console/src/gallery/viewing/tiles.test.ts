import { describe, expect, test } from "vitest";
import { shownRatio, tileSizes, tileStyle } from "./tiles";

describe("a picture in a row", () => {
  test.each([
    [{ width: 1600, height: 900 }, 1600 / 900],
    [{ width: 100, height: 100 }, 1],
    [{ width: 30_000, height: 100 }, 3],
    [{ width: 100, height: 30_000 }, 0.5],
    [{ width: 0, height: 0 }, 1],
    [{ width: 100, height: 0 }, 1],
  ])("of %j has the ratio %f", (shape, ratio) => {
    expect(shownRatio(shape)).toBeCloseTo(ratio);
  });

  test("grows by its ratio, so that all of a row have one height", () => {
    const wide = tileStyle({ width: 200, height: 100 }, 12);
    const narrow = tileStyle({ width: 100, height: 100 }, 12);
    expect(wide).toEqual({ flexGrow: "2.0000", flexBasis: "24.000rem", aspectRatio: "2.0000" });
    // Of what is left in a row each takes its share: (24 + 2x) / 2 = (12 + x) / 1.
    const height = (style: Record<string, string>, left: number): number =>
      (Number.parseFloat(style.flexBasis ?? "") + Number(style.flexGrow) * left) / Number(style.aspectRatio);
    expect(height(wide, 3)).toBeCloseTo(height(narrow, 3));
  });

  test("asks for a size that fits the screen", () => {
    expect(tileSizes({ width: 200, height: 100 }, 10)).toBe("min(100vw, 26.0rem)");
  });
});
