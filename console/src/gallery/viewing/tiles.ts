/** What is needed of a picture to lay it out. */
export interface Shape {
  width: number;
  height: number;
}

const WIDEST = 3;
const NARROWEST = 0.5;

/** The ratio of width to height with which a picture is shown; panoramas and strips are cut. */
export function shownRatio({ width, height }: Shape): number {
  if (!(width > 0 && height > 0)) return 1;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

/**
 * The style of a picture in rows of one height that fill the width (justified): each grows by its ratio from its width
 * at this height.
 *
 * @param rowHeight Rem.
 */
export function tileStyle(shape: Shape, rowHeight: number): Record<string, string> {
  const ratio = shownRatio(shape);
  return {
    flexGrow: ratio.toFixed(4),
    flexBasis: `${(ratio * rowHeight).toFixed(3)}rem`,
    aspectRatio: ratio.toFixed(4),
  };
}

/** The attribute `sizes` of a picture in such a row, which is somewhat wider than its basis, and fits the screen. */
export function tileSizes(shape: Shape, rowHeight: number): string {
  return `min(100vw, ${(shownRatio(shape) * rowHeight * 1.3).toFixed(1)}rem)`;
}
