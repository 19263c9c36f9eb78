import { expect, test } from "vitest";
import {
  changed,
  dragged,
  firstWindow,
  levelRange,
  presetsOf,
  queryOf,
  stepped,
  type Values,
  type Window,
  wholeRange,
  widthRange,
} from "./windows";

const SOFT: Window = { center: 40, width: 400, function: "linear" };
const CHEST: Values = {
  columns: 512,
  rows: 512,
  windowed: true,
  lowest: -1024,
  highest: 3071,
  shown: { ...SOFT, explanation: "" },
  windows: [
    { ...SOFT, explanation: "SOFT" },
    { center: -2000, width: 9000, function: "linear", explanation: "" },
  ],
};
const TABLE: Values = { ...CHEST, shown: null, windows: [] };
const EVEN: Values = { ...TABLE, lowest: 7, highest: 7 };
const SMALL: Values = { ...TABLE, lowest: 0, highest: 0.5 };

test("a picture is opened as the server shows it", () => {
  expect(firstWindow(CHEST)).toEqual(SOFT);
  expect(firstWindow(TABLE)).toEqual({ center: 1023.5, width: 4095, function: "linear-exact" });
  expect(wholeRange(EVEN)).toEqual({ center: 7.5, width: 1, function: "linear-exact" });
  expect(presetsOf(CHEST).map((each) => each.explanation)).toEqual(["SOFT", ""]);
});

test("sliders reach all values and the windows of the file", () => {
  expect(levelRange(CHEST)).toEqual({ min: -2000, max: 3071, step: 10 });
  expect(widthRange(CHEST, "linear")).toEqual({ min: 1, max: 9000, step: 10 });
  expect(widthRange(TABLE, "sigmoid")).toEqual({ min: 1, max: 8190, step: 10 });
  expect(levelRange(SMALL)).toEqual({ min: 0, max: 0.5, step: 0.001 });
  expect(widthRange(SMALL, "linear-exact")).toEqual({ min: 0.001, max: 2, step: 0.001 });
  expect(levelRange(EVEN).max).toBeGreaterThan(levelRange(EVEN).min);
});

test("typed numbers become a window that its function allows", () => {
  expect(changed(SOFT, { width: 0 }, CHEST)).toEqual({ ...SOFT, width: 1 });
  expect(changed(SOFT, { width: -5 }, CHEST)).toEqual({ ...SOFT, width: 1 });
  expect(changed(SOFT, { center: 1e300 }, CHEST)).toEqual({ ...SOFT, center: 1e15 });
  expect(changed(SOFT, { center: 99_999.5 }, CHEST)).toEqual({ ...SOFT, center: 99_999.5 });
  expect(changed(SOFT, { center: Number.NaN }, CHEST)).toBeNull();
  expect(changed(SOFT, { width: Number.POSITIVE_INFINITY }, CHEST)).toBeNull();
});

test("dragging to the right widens, and down raises the level", () => {
  const window = dragged(SOFT, 64, 128, CHEST);
  expect(window).toEqual({ center: 1064, width: 912, function: "linear" });
  expect(dragged(SOFT, -10_000, -10_000, CHEST)).toEqual({ center: -2000, width: 1, function: "linear" });
  expect(dragged({ ...SOFT, center: 0.25 }, 0, 1, SMALL).center).toBeCloseTo(0.251, 4);
});

test("keys move by about a hundredth, within the same limits", () => {
  expect(stepped(SOFT, 1, -1, CHEST)).toEqual({ center: 90, width: 310, function: "linear" });
  expect(stepped({ ...SOFT, width: 1 }, 0, -1, CHEST).width).toBe(1);
  expect(stepped({ ...SOFT, center: 0.5 }, 1, 0, SMALL).center).toBe(0.5);
  expect(stepped({ ...SOFT, center: 0.1 }, 1, 0, SMALL).center).toBe(0.105);
  const unit: Values = { ...TABLE, lowest: 0, highest: 1 };
  const window: Window = { center: 0.29, width: 0.5, function: "linear-exact" };
  expect(stepped(window, 1, -1, unit)).toEqual({ center: 0.3, width: 0.48, function: "linear-exact" });
});

test("the query is that of DICOMweb", () => {
  expect(queryOf({ center: -600.5, width: 1500, function: "linear-exact" })).toBe("-600.5,1500,linear-exact");
});
