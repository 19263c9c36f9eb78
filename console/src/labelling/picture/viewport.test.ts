import { describe, expect, test } from "vitest";
import { fitted, moved, zoomed } from "./viewport";

const PICTURE = { width: 1000, height: 500 };
const VIEWER = { width: 400, height: 400 };

describe("the view of a picture", () => {
  test("at first shows all of it, in the middle", () => {
    expect(fitted(PICTURE, VIEWER)).toEqual({ scale: 0.4, x: 0, y: 100 });
  });

  test("zooms at the place that is pointed at", () => {
    const at = { x: 300, y: 200 };
    const before = fitted(PICTURE, VIEWER);
    const after = zoomed(before, 5, at, PICTURE, VIEWER);
    expect((at.x - after.x) / after.scale).toBeCloseTo((at.x - before.x) / before.scale);
    expect((at.y - after.y) / after.scale).toBeCloseTo((at.y - before.y) / before.scale);
  });

  test("never gets smaller than the whole picture, nor larger than sixteen times", () => {
    const before = fitted(PICTURE, VIEWER);
    const middle = { x: 200, y: 200 };
    expect(zoomed(before, 0.01, middle, PICTURE, VIEWER)).toEqual(before);
    expect(zoomed(before, 1e6, middle, PICTURE, VIEWER).scale).toBe(16);
  });

  test("can't be moved off the picture", () => {
    const close = zoomed(fitted(PICTURE, VIEWER), 5, { x: 200, y: 200 }, PICTURE, VIEWER);
    expect(moved(close, { x: 1e6, y: 1e6 }, PICTURE, VIEWER)).toMatchObject({ x: 0, y: 0 });
    const end = moved(close, { x: -1e6, y: -1e6 }, PICTURE, VIEWER);
    expect([end.x + PICTURE.width * end.scale, end.y + PICTURE.height * end.scale]).toEqual([400, 400]);
  });
});
