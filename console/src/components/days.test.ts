import { afterEach, describe, expect, test, vi } from "vitest";
import { instantsOf } from "./days";

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("days of a form", () => {
  test.each([
    ["Asia/Shanghai", "2026-11-28T16:00:00.000Z", "2026-11-29T16:00:00.000Z"],
    ["America/New_York", "2026-11-29T05:00:00.000Z", "2026-11-30T05:00:00.000Z"],
    ["UTC", "2026-11-29T00:00:00.000Z", "2026-11-30T00:00:00.000Z"],
  ])("in %s are those of the reader", (zone, from, to) => {
    vi.stubEnv("TZ", zone);
    expect(instantsOf("2026-11-29", "2026-11-29")).toEqual({ from, to });
  });

  test("have 23 hours where the clocks are put forward", () => {
    vi.stubEnv("TZ", "Europe/Berlin");
    const { from = "", to = "" } = instantsOf("2026-03-29", "2026-03-29");
    expect((Date.parse(to) - Date.parse(from)) / 3_600_000).toBe(23);
  });

  test("that were not chosen are no limit, nor those at the ends of the server's calendar", () => {
    vi.stubEnv("TZ", "Asia/Shanghai");
    expect(instantsOf("", "")).toEqual({ from: undefined, to: undefined });
    expect(instantsOf("0001-01-01", "9999-12-31").from).toBeUndefined();
    vi.stubEnv("TZ", "America/New_York");
    expect(instantsOf("0001-01-01", "9999-12-31").to).toBeUndefined();
  });

  test("of the first century stay in it", () => {
    vi.stubEnv("TZ", "UTC");
    expect(instantsOf("0099-05-01", "").from).toBe("0099-05-01T00:00:00.000Z");
  });
});
