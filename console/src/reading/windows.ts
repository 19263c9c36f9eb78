import type { Schema } from "@/api/client";

export type Values = Schema<"PictureValuesBody">;

/** The values about `center` become the greys from black to white (PS3.3 C.11.2.1). */
export interface Window {
  center: number;
  width: number;
  function: Schema<"WindowBody">["function"];
}

export interface Range {
  min: number;
  max: number;
  step: number;
}

interface Preset extends Window {
  /** What the file says the window is for; "" if it does not. */
  explanation: string;
}

/** Steps of a slider from one end of the values to the other, about. */
const STEPS = 250;
/** Values of at least so many are whole numbers in steps. */
const WHOLE_NUMBERS = 20;
/** Pixels that one drags from one end of the values to the other. */
const DRAG = 512;
/** Numbers of a size that no picture has, so that larger ones are no window. */
const LARGEST = 1e15;

function extentOf(values: Values): number {
  return (values.highest ?? 0) - (values.lowest ?? 0) || 1;
}

/** From the lowest value that occurs to the highest. */
export function wholeRange(values: Values): Window {
  const extent = extentOf(values);
  return { center: (values.lowest ?? 0) + extent / 2, width: extent, function: "linear-exact" };
}

/** The windows of the file. */
export function presetsOf(values: Values): Preset[] {
  return values.windows.map(({ center, width, function: shape, explanation }) => ({
    center,
    width,
    function: shape,
    explanation,
  }));
}

/** One of the windows of the file, from 1; undefined if it has fewer. */
export function presetOf(values: Values, number: number): Window | undefined {
  const found = values.windows[number - 1];
  return found && { center: found.center, width: found.width, function: found.function };
}

/** How the picture is shown when it is opened; of a picture with a table in place of a window, its whole range. */
export function firstWindow(values: Values): Window {
  if (!values.shown) return wholeRange(values);
  const { center, width, function: shape } = values.shown;
  return { center, width, function: shape };
}

/** Whether two windows are the same; null is the way in which a picture is opened, and only like itself. */
export function isSame(one: Window | null, other: Window | null): boolean {
  if (one === null || other === null) return one === other;
  return one.center === other.center && one.width === other.width && one.function === other.function;
}

/** A power of ten, of which some hundreds make all values. */
function stepOf(values: Values): number {
  const extent = extentOf(values);
  const step = 10 ** Math.floor(Math.log10(extent / STEPS));
  return extent >= WHOLE_NUMBERS ? Math.max(1, step) : step;
}

/** Where a window can be, which is where values or windows of the file are. */
export function levelRange(values: Values): Range {
  const centers = [...values.windows, ...(values.shown ? [values.shown] : [])].map((each) => each.center);
  return {
    min: Math.min(values.lowest ?? 0, ...centers),
    max: Math.max((values.lowest ?? 0) + extentOf(values), ...centers),
    step: stepOf(values),
  };
}

/** How wide a window can be: from what its function allows to twice what there is. */
export function widthRange(values: Values, shape: Window["function"]): Range {
  const widths = [...values.windows, ...(values.shown ? [values.shown] : [])].map((each) => each.width);
  const step = stepOf(values);
  const max = Math.max(2 * extentOf(values), ...widths, 2);
  return { min: shape === "linear" ? 1 : Math.min(1, step), max, step };
}

/** The window after a change, with numbers that its function allows. Null where they are none. */
export function changed(window: Window, change: Partial<Window>, values: Values): Window | null {
  const { center, width, function: shape } = { ...window, ...change };
  if (!Number.isFinite(center) || !Number.isFinite(width)) return null;
  return {
    center: Math.min(LARGEST, Math.max(-LARGEST, center)),
    width: Math.min(LARGEST, Math.max(widthRange(values, shape).min, width)),
    function: shape,
  };
}

/** As radiologists drag: to the right is wider, down is a higher level. Lengths are CSS pixels. */
export function dragged(window: Window, right: number, down: number, values: Values): Window {
  const share = extentOf(values) / DRAG;
  const [level, width] = [levelRange(values), widthRange(values, window.function)];
  return {
    center: rounded(clamped(window.center + down * share, level), level.step),
    width: clamped(rounded(clamped(window.width + right * share, width), width.step), width),
    function: window.function,
  };
}

/** One or more steps by keyboard, of level and of width. */
export function stepped(window: Window, level: number, width: number, values: Values): Window {
  const [levels, widths] = [levelRange(values), widthRange(values, window.function)];
  return {
    center: clamped(exact(window.center + level * largeStep(levels)), levels),
    width: clamped(exact(window.width + width * largeStep(widths)), widths),
    function: window.function,
  };
}

/** About a hundredth of a range, in whole steps of it. */
function largeStep({ min, max, step }: Range): number {
  return Math.max(1, Math.round((max - min) / 100 / step)) * step;
}

/** Without what binary fractions leave of a sum, such as 0.30000000000000004. */
function exact(value: number): number {
  return Number(value.toPrecision(15));
}

function clamped(value: number, { min, max }: Range): number {
  return Math.min(max, Math.max(min, value));
}

/** To a tenth of a step, so that a number has no more digits than mean something. */
function rounded(value: number, step: number): number {
  const digits = Math.max(0, 1 - Math.floor(Math.log10(step)));
  return Number(value.toFixed(Math.min(digits, 12)));
}

/** As the query of the picture has it (PS3.18 8.3.5.1.4). */
export function queryOf(window: Window): string {
  return `${window.center},${window.width},${window.function}`;
}
