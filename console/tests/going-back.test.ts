import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { lab, person, signIn, visit } from "./support/lab";
import { predictions, tokenOf } from "./support/reading";

const UNAUTHORIZED = "status of 401";
/** A picture that was dropped with its page, before the browser had drawn it. */
const DROPPED = "ERR_FILE_NOT_FOUND (blob:";

function scrolled(page: Page): Promise<number> {
  return page.evaluate(() => Math.round(scrollY));
}

/** Scrolls to the end, which moves while pictures come, and tells how far that is. */
function scrolledToTheEnd(page: Page): Promise<number> {
  return page.evaluate(() => {
    scrollTo(0, document.body.scrollHeight);
    return Math.round(scrollY);
  });
}

function more(page: Page) {
  return page.getByRole("button", { name: "More", exact: true });
}

test("who goes back to the history finds the pages and the place that they have left", async () => {
  const { page, done } = await visit({ height: 600 });
  const doctor = await person("doctor");
  const titles = Array.from({ length: 40 }, (_, at) => `back ${at}`);
  await predictions(await tokenOf(doctor), titles, "covid19");
  await signIn(page, doctor);
  const names = page.locator("section[aria-labelledby=history] .name");
  for (const count of [24, 36]) {
    await more(page).click();
    await expect.poll(() => names.count(), { timeout: 10_000 }).toBe(count);
  }
  const link = page.getByRole("link", { name: "back 8", exact: false }).last();
  await link.scrollIntoViewIfNeeded();
  const left = await scrolled(page);
  expect(left).toBeGreaterThan(500);
  // What stands above the list comes late, and would push it down.
  await page.route("**/api/models", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  const asked: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/api/predictions?")) asked.push(request.url());
  });
  await link.click();
  await page.getByRole("heading", { level: 1, name: "back 8" }).waitFor();
  await page.goBack();
  await expect.poll(() => names.count()).toBe(36);
  await expect.poll(() => scrolled(page)).toBe(left);
  expect(asked).toEqual([]);
  await more(page).click();
  await expect.poll(() => names.count()).toBe(40);

  await page.getByRole("link", { name: "Label", exact: true }).click();
  await names.first().waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Read", exact: true }).click();
  await expect.poll(() => names.count()).toBe(12);
  await expect.poll(() => scrolled(page)).toBe(0);
  await done([UNAUTHORIZED, DROPPED]);
});

test("who scrolls while a page is still being filled stays where they are", async () => {
  const { page, done } = await visit({ height: 600 });
  const doctor = await person("doctor");
  await predictions(await tokenOf(doctor), ["a", "b", "c", "d", "e", "f", "g", "h"], "covid19");
  await signIn(page, doctor);
  await page.locator(".entry").last().waitFor();
  await expect.poll(() => scrolledToTheEnd(page)).toBeGreaterThan(100);
  const left = await scrolled(page);
  await page.locator(".entry").last().click();
  await page.getByRole("heading", { level: 1, name: "a", exact: true }).waitFor();
  let answer: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/models", async (route) => {
    await held;
    await route.continue();
  });
  await page.goBack();
  await page.getByRole("heading", { level: 1, name: "Read", exact: false }).waitFor();
  await page.mouse.wheel(0, -2000);
  await expect.poll(() => scrolled(page)).toBe(0);
  answer();
  await page.getByText("Drop pictures here").first().waitFor();
  await page.waitForTimeout(300);
  expect(await scrolled(page)).toBeLessThan(left);
  await done([UNAUTHORIZED, DROPPED]);
});

test("the audit trail is found as it was left", async () => {
  for (let count = 0; count < 60; count++) await tokenOf(lab.administrator);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/administration/audit?action=signed-in");
  const rows = page.getByRole("row");
  await expect.poll(() => rows.count()).toBe(51);
  await more(page).click();
  await expect.poll(() => rows.count()).toBeGreaterThan(60);
  const count = await rows.count();
  await rows.nth(55).scrollIntoViewIfNeeded();
  const left = await scrolled(page);
  expect(left).toBeGreaterThan(1000);
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Devices" }).click();
  await page.getByRole("heading", { level: 1, name: "Devices" }).waitFor();
  await page.goBack();
  await expect.poll(() => rows.count()).toBe(count);
  await expect.poll(() => scrolled(page)).toBe(left);
  await done([UNAUTHORIZED]);
});

test("who signs in next and goes back finds nothing of the account before", async () => {
  const first = await person("doctor");
  const [id] = await predictions(await tokenOf(first), ["only for the first"], "covid19");
  const { page, done } = await visit();
  await signIn(page, first, "/reading");
  await page.getByRole("link", { name: "only for the first" }).click();
  await page.waitForURL(`**/reading/${id}`);
  await page.getByRole("button", { name: "Sign out" }).click();
  const second = await person("doctor");
  await page.getByLabel("User name").fill(second.username);
  await page.getByLabel("Password").fill(second.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  for (let steps = 0; steps < 5 && !/\/reading\/\d/.test(page.url()); steps++) await page.goBack();
  await page.goBack();
  await page.waitForURL("**/console/reading");
  await page.getByText("You have not read anything yet.").waitFor();
  expect(await page.getByText("only for the first").count()).toBe(0);
  await done([UNAUTHORIZED, "status of 404", DROPPED]);
});
