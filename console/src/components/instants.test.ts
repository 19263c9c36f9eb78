import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { instantOf, localOf } from "./instants";

const zone = process.env.TZ;

beforeAll(() => {
  process.env.TZ = "Asia/Shanghai";
});

afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

describe("a time of an address", () => {
  test("is the same instant in every zone, and local in its field", () => {
    expect(instantOf("2026-11-02T00:00")).toBe("2026-11-01T16:00:00Z");
    expect(localOf("2026-11-01T16:00:00Z")).toBe("2026-11-02T00:00");
    expect(localOf("2026-11-02T00:00+01:00")).toBe("2026-11-02T07:00");
    expect(localOf("2026-11-01T16:00:05Z")).toBe("2026-11-02T00:00:05");
  });

  test.each([undefined, null, "", "xyz", "1", "2026-13-01T00:00", ["2026-11-02T00:00"]])(
    "%j is none",
    (no) => {
      expect(instantOf(no)).toBeUndefined();
      expect(localOf(no)).toBe("");
    },
  );
});
