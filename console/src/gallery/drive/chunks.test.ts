import { describe, expect, test } from "vitest";
import { CHUNK_BYTES, UNIT_BYTES, chunkEnd, contentRange, firstMissing } from "./chunks";

describe("chunks", () => {
  test.each([1, UNIT_BYTES, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 7_654_321])(
    "of %i bytes are all bytes once, in multiples of the unit but the last",
    (size) => {
      const lengths: number[] = [];
      for (let at = 0; at < size; at = chunkEnd(at, size)) lengths.push(chunkEnd(at, size) - at);
      expect(lengths.reduce((sum, each) => sum + each, 0)).toBe(size);
      expect(lengths.slice(0, -1).every((each) => each % UNIT_BYTES === 0)).toBe(true);
      expect(Math.min(...lengths)).toBeGreaterThan(0);
    },
  );

  test("are named with the last byte, not the one behind it", () => {
    expect(contentRange(0, 26, 128)).toBe("bytes 0-25/128");
    expect(contentRange(26, 128, 128)).toBe("bytes 26-127/128");
  });

  test.each([
    [["26-"], 26],
    [["0-"], 0],
    [["12345-55232", "77829-99375"], 12345],
    [[], 0],
    [["x"], 0],
    [["-5"], 0],
  ])("go on at what %j names", (ranges, start) => {
    expect(firstMissing(ranges)).toBe(start);
  });
});
