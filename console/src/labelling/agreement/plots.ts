/** The plots of the agreement page. This module brings Observable Plot with it, so it is imported when it is needed. */
import * as Plot from "@observablehq/plot";
import { shadeOf } from "./shades";

export interface Interval {
  name: string;
  value: number;
  low: number | null;
  high: number | null;
}

export interface Cell {
  truth: string;
  said: string;
  number: number;
}

export interface Work {
  doctor: string;
  state: string;
  jobs: number;
}

const ROW = 34;
const LETTER = 7;

/** Room of an axis with its label: in Plot's own, the label stands on the numbers. */
const AXIS = 46;

type Drawn = SVGSVGElement | HTMLElement;

/** Room for the longest of the names beside an axis. */
function margin(names: string[]): number {
  return Math.min(220, 24 + LETTER * Math.max(0, ...names.map((name) => name.length)));
}

/** Measures with their intervals, one a row. */
export function drawIntervals(rows: Interval[], width: number, axis: string): Drawn {
  const names = rows.map((each) => each.name);
  return finished(
    Plot.plot({
      width,
      height: 30 + AXIS + ROW * rows.length,
      marginBottom: AXIS,
      marginLeft: margin(names),
      x: { domain: [Math.min(0, ...rows.map((each) => each.low ?? each.value)), 1], grid: true, label: axis },
      y: { domain: names, label: null },
      marks: [
        Plot.ruleX([0]),
        Plot.ruleY(
          rows.filter((each) => each.low !== null && each.high !== null),
          {
            x1: "low",
            x2: "high",
            y: "name",
            strokeWidth: 2,
          },
        ),
        Plot.dot(rows, { x: "value", y: "name", r: 5, fill: "currentColor" }),
      ],
    }),
  );
}

/** How often which category was said for which: rows are the truth. */
export function drawConfusion(
  cells: Cell[],
  categories: string[],
  width: number,
  truth: string,
  said: string,
): Drawn {
  const largest = Math.max(...cells.map((each) => each.number));
  return finished(
    Plot.plot({
      width,
      height: 30 + AXIS + ROW * categories.length,
      marginTop: AXIS,
      marginLeft: margin(categories),
      padding: 0.05,
      x: { domain: categories, label: said, axis: "top", labelAnchor: "right" },
      y: { domain: categories, label: truth },
      marks: [
        Plot.cell(cells, {
          x: "said",
          y: "truth",
          fill: "currentColor",
          // Without a scale of Plot, which takes numbers from 0 to 1 for opacities themselves.
          fillOpacity: { value: (each: Cell) => shadeOf(each.number, largest), scale: null },
        }),
        Plot.text(cells, { x: "said", y: "truth", text: "number", fontSize: 13 }),
      ],
    }),
  );
}

const SHADES = [0.15, 0.4, 0.85];

/** Jobs by doctor and state, in one bar for each. */
export function drawWork(rows: Work[], states: string[], width: number, axis: string): Drawn {
  const doctors = [...new Set(rows.map((each) => each.doctor))];
  return finished(
    Plot.plot({
      width,
      height: 30 + AXIS + ROW * doctors.length,
      marginBottom: AXIS,
      marginLeft: margin(doctors),
      x: {
        grid: true,
        label: axis,
        tickFormat: (number: number) => (Number.isInteger(number) ? String(number) : ""),
      },
      y: { domain: doctors, label: null },
      marks: [
        Plot.barX(rows, {
          x: "jobs",
          y: "doctor",
          fill: "currentColor",
          fillOpacity: (each: Work) => SHADES[states.indexOf(each.state)] ?? 1,
          title: (each: Work) => `${each.state}: ${each.jobs}`,
        }),
        Plot.ruleX([0]),
      ],
    }),
  );
}

/**
 * Without the style sheet that Plot puts into its drawings, which the policy of the page forbids, and without names of
 * groups, which can have none: the whole drawing has one.
 */
function finished(drawn: Drawn): Drawn {
  for (const style of drawn.querySelectorAll("style")) style.remove();
  for (const part of drawn.querySelectorAll<SVGElement>("[aria-label], [aria-description]")) {
    part.dataset.part = part.getAttribute("aria-label") ?? "";
    part.removeAttribute("aria-label");
    part.removeAttribute("aria-description");
  }
  return drawn;
}
