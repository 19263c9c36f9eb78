import axe, { type AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { expect } from "vitest";

/** Fails if axe finds a violation on the page as it is. */
export async function checkAccessibility(page: Page): Promise<void> {
  // The policy of the page allows no script that is added to it, but one that the browser itself evaluates.
  await page.evaluate(axe.source);
  const results = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  const found = (results as AxeResults).violations.map((each) => ({
    rule: each.id,
    help: each.help,
    where: each.nodes.map((node) => node.target.join(" ")),
  }));
  expect(found).toEqual([]);
}
