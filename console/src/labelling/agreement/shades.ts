const LEAST = 0.04;
const MOST = 0.45;

/**
 * How much of the accent a cell of a confusion matrix has, for its number beside the largest of all. It ends where the ink
 * of the numbers can still be read on it, light and dark (4.5:1, WCAG 1.4.3), which a test computes.
 */
export function shadeOf(number: number, largest: number): number {
  return LEAST + (MOST - LEAST) * (largest > 0 ? number / largest : 0);
}
