import type { Locator, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { group, png, share } from "./support/gallery";
import { lab, person, show, signIn, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
const FORBIDDEN = "status of 403";
const NOT_FOUND = "status of 404";

beforeAll(async () => {});

function dialog(page: Page): Locator {
  return page.getByRole("dialog");
}

test("a link is made with a password, opened by a stranger, changed and revoked", async () => {
  const made = await group({ title: "Shared" }, [{ name: "shared.png", data: png(300, 200, 30) }]);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, `/gallery/manage/${made.id}`);
  await page.getByText("There are no links to this group.").waitFor();
  await page.getByRole("button", { name: "Share by a link" }).click();
  await checkAccessibility(page);
  await dialog(page).getByLabel("Password").fill("correct horse");
  await dialog(page).getByLabel("Ends in (days)").fill("7");
  await dialog(page).getByRole("button", { name: "Make the link" }).click();
  const link = dialog(page).locator("code");
  await link.waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-share-made");
  const address = await link.innerText();
  expect(address).toContain(`${lab.url}/console/gallery/shared/`);
  await dialog(page).getByRole("button", { name: "Close", exact: true }).click();
  await page.getByText("with a password").waitFor();

  const stranger = await visit({ width: 360, height: 640, dark: true });
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
  const { page, done } = await visit();
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

test("a shared link shows the group of its address, however late the answer about another one comes", async () => {
  const above = await group({ title: "Above" }, [{ name: "above.png", data: png(80, 60, 33) }]);
  await group({ title: "Below", parent: above.id }, [{ name: "below.png", data: png(80, 60, 34) }]);
  const address = await share(above.id, { with_subgroups: true });
  const { page, done } = await visit();
  await page.goto(address);
  await page.getByRole("heading", { name: "Above", level: 1 }).waitFor();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route(/\/image\/shared\/[^?]*\?.*group=/, async (route) => {
    await held;
    await route.continue();
  });
  const late = page.waitForResponse(/\/image\/shared\/[^?]*\?.*group=/);
  await page.getByRole("link", { name: "Below" }).click();
  await expect.poll(() => new URL(page.url()).searchParams.has("group")).toBe(true);
  await page.goBack();
  await page.getByRole("link", { name: "Below" }).waitFor();
  release();
  await (await late).finished();
  await page.evaluate(() => new Promise(requestAnimationFrame)); // what the answer would change is drawn
  expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe("Above");
  await page.unroute(/\/image\/shared\/[^?]*\?.*group=/);
  await page.getByRole("link", { name: "Below" }).click();
  await page.getByRole("heading", { name: "Below", level: 1 }).waitFor();
  await done([UNAUTHORIZED]);
});
