import { expect, test } from "vitest";
import { lab, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
/** What `tests/support/many_groups.py` has put into the gallery. */
const GROUPS = 1000;

test("1,000 groups scroll to the end, and coming back keeps the place", async () => {
  const { page, done } = await visit();
  await page.goto(`${lab.url}/console/gallery`);
  await page.locator(".thumbnail img.loaded").first().waitFor();
  const cards = page.locator(".groups > li");
  await expect
    .poll(
      async () => {
        await page.mouse.wheel(0, 2500);
        return cards.count();
      },
      { timeout: 120_000, interval: 60 },
    )
    .toBeGreaterThanOrEqual(GROUPS);

  await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight / 2));
  const middle = cards.nth(Math.floor(GROUPS / 2));
  await middle.scrollIntoViewIfNeeded();
  const before = await page.evaluate(() => scrollY);
  const name = await middle.getByRole("link").getAttribute("href");
  await middle.getByRole("link").click();
  await expect.poll(() => page.url()).toContain(name);
  await page.goBack();
  await middle.waitFor();
  await expect.poll(() => page.evaluate(() => scrollY)).toBeGreaterThan(before - 5);
  expect(await page.evaluate(() => scrollY)).toBeLessThan(before + 5);
  await done([UNAUTHORIZED]);
}, 200_000);
