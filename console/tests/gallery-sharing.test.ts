import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { group, png, share } from "./support/gallery";
import { lab, launch, person, show, signIn, visit } from "./support/lab";

let browser: Browser;

const UNAUTHORIZED = "status of 401";
const FORBIDDEN = "status of 403";
const NOT_FOUND = "status of 404";

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
});

function dialog(page: Page): Locator {
  return page.getByRole("dialog");
}

test("a link is made with a password, opened by a stranger, changed and revoked", async () => {
  const made = await group({ title: "Shared" }, [{ name: "shared.png", data: png(300, 200, 30) }]);
  const { page, done } = await visit(browser);
  await signIn(page, lab.administrator, `/gallery/manage/${made.id}`);
  await page.getByText("There are no links to this group.").waitFor();
  await page.getByRole("button", { name: "Share by a link" }).click();
  await checkAccessibility(page);
  await dialog(page).getByLabel("Password").fill("correct horse");
  await dialog(page).getByLabel("Ends in (days)").fill("7");
  await dialog(page).getByRole("button", { name: "Make the link" }).click();
  const link = dialog(page).getByLabel("Link");
  await link.waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-share-made");
  const address = await link.inputValue();
  expect(address).toContain(`${lab.url}/console/gallery/shared/`);
  await page.keyboard.press("Escape");
  await page.getByText("with a password").waitFor();

  const stranger = await visit(browser, { width: 360, height: 640, dark: true });
  await stranger.page.goto(address);
  await stranger.page.getByLabel("Password").fill("correct horse");
  await stranger.page.getByRole("button", { name: "Open" }).click();
  await stranger.page.locator(".pictures img.loaded").waitFor();
  expect(await stranger.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(stranger.page);

  await page.getByRole("button", { name: "Change" }).click();
  await dialog(page).getByLabel("No password").check();
  await checkAccessibility(page);
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await page.getByText("without a password").waitFor();
  await stranger.page.reload();
  await stranger.page.locator(".pictures img.loaded").waitFor();

  await page.getByRole("button", { name: "Revoke" }).click();
  await dialog(page).getByRole("button", { name: "Revoke" }).click();
  await page.getByText("There are no links to this group.").waitFor();
  await stranger.page.reload();
  await stranger.page.getByText("its time is over").waitFor();
  await stranger.done([UNAUTHORIZED, FORBIDDEN, NOT_FOUND]);
  await done([UNAUTHORIZED]);
});

test("somebody who is signed in opens a link with a password, and stays signed in", async () => {
  const made = await group({ title: "For a doctor" }, [{ name: "doctor.png", data: png(80, 60, 31) }]);
  const address = await share(made.id, { password: "correct horse" });
  const { page, done } = await visit(browser);
  await signIn(page, await person("doctor"), "/account");
  await page.goto(address);
  await page.getByLabel("Password").fill("wrong horses");
  await page.keyboard.press("Enter");
  await page.getByText("The password is wrong.").waitFor();
  expect(await page.getByText("Your session has ended").count()).toBe(0);
  await page.goto(`${lab.url}/console/gallery/manage`);
  await page.getByText("There is nothing at this address").waitFor();
  await done([UNAUTHORIZED, FORBIDDEN]);
});
