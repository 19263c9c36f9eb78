import { describe, expect, test } from "vitest";
import { deletes, formOf, ruleOf, wrongFields } from "./limits";

describe("the form of a rule of retention", () => {
  test.each([
    ["no rule", null],
    ["for ever", { days: null, bytes: null }],
    ["days", { days: 30, bytes: null }],
    ["bytes", { days: null, bytes: 10_000_000_000 }],
    ["both, to the byte", { days: 1, bytes: 1_234_567_891 }],
    ["one byte", { days: null, bytes: 1 }],
    ["whole hundreds", { days: 100, bytes: 100_000_000_000 }],
  ])("says what was read: %s", (_name, rule) => {
    expect(ruleOf(formOf(rule))).toEqual(rule);
  });

  test.each([
    ["", ""],
    ["0", ""],
    ["1.5", ""],
    ["36501", ""],
    ["soon", ""],
    ["", "0"],
    ["", "-1"],
    ["", "9000001"],
    ["3", "much"],
  ])("refuses %j days and %j GB", (days, gigabytes) => {
    expect(ruleOf({ kind: "limits", days, gigabytes })).toBeUndefined();
  });

  test.each([
    ["", "", []],
    ["30", "0.5", []],
    ["1.5", "2", ["days"]],
    ["3", "0", ["gigabytes"]],
    ["0", "-1", ["days", "gigabytes"]],
  ])("says of %j days and %j GB which are wrong", (days, gigabytes, wrong) => {
    expect(wrongFields({ kind: "limits", days, gigabytes })).toEqual(wrong);
    expect(wrongFields({ kind: "forever", days, gigabytes })).toEqual([]);
  });

  test("ignores what was typed for another choice", () => {
    expect(ruleOf({ kind: "forever", days: "3", gigabytes: "x" })).toEqual({ days: null, bytes: null });
    expect(ruleOf({ kind: "none", days: "3", gigabytes: "1" })).toBeNull();
  });
});

test("what deletes, or may do so, is confirmed", () => {
  const nothing = { devices: 0, pictures: 0, bytes: 0, oldest: null, complete: true };
  expect(deletes(nothing)).toBe(false);
  expect(deletes({ ...nothing, pictures: 1 })).toBe(true);
  expect(deletes({ ...nothing, complete: false })).toBe(true);
});
