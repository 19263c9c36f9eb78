import { describe, expect, test } from "vitest";
import { reordered, step, type Place } from "./order";

const rows = [1, 2, 3, 4].map((id) => ({ id }));
const ids = (list: readonly { id: number }[]): number[] => list.map((each) => each.id);

describe("a row in another place", () => {
  test.each<[number, Place, number[]]>([
    [3, { before: 1 }, [3, 1, 2, 4]],
    [1, { after: 2 }, [2, 1, 3, 4]],
    [1, { after: 4 }, [2, 3, 4, 1]],
    [4, { before: 4 }, [1, 2, 3, 4]],
    [9, { before: 1 }, [1, 2, 3, 4]],
    [1, { before: 9 }, [1, 2, 3, 4]],
  ])("%i to %j", (id, place, order) => {
    expect(ids(reordered(rows, id, place))).toEqual(order);
    expect(ids(rows)).toEqual([1, 2, 3, 4]);
  });

  test("goes a step up and down again, and not over the ends", () => {
    for (const { id } of rows.slice(1)) {
      const up = step(rows, id, -1);
      const higher = up ? reordered(rows, id, up) : [];
      const down = step(higher, id, 1);
      expect(down ? ids(reordered(higher, id, down)) : []).toEqual([1, 2, 3, 4]);
    }
    expect([step(rows, 1, -1), step(rows, 4, 1), step(rows, 9, 1)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
