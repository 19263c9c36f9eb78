import { expect, test } from "vitest";
import type { Page } from "playwright-core";
import { checkAccessibility } from "./support/accessibility";
import { lab, person, signIn, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";

/** The text of what has the focus, or the name of its element if that has none. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => document.activeElement?.textContent.trim() ?? "");
}

test("a page that is opened names the document, and its heading has the focus", async () => {
  const { page, done } = await visit();
  await signIn(page, lab.administrator);
  const links = page.getByRole("navigation", { name: "Main" }).getByRole("link");
  for (const name of ["Label", "Gallery", "Devices", "Administration", "My account", "Read"]) {
    const before = await page.title();
    await links.getByText(name, { exact: true }).press("Enter");
    await expect.poll(() => page.title()).not.toBe(before);
    await expect
      .poll(async () => (await page.title()).includes(`${await focused(page)} · Lightbox`))
      .toBe(true);
    expect(await page.locator("nav[aria-label=Main] [aria-current]").textContent()).toBe(name);
  }
  await page.goto("/console/administration/audit");
  await expect.poll(() => page.title()).toBe("Audit trail · Administration · Lightbox");
  expect(await page.locator("nav[aria-label=Main] [aria-current=true]").textContent()).toBe("Administration");
  await done([UNAUTHORIZED]);
});

test("a slow server is waited for in sight", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  let answer = (): void => undefined;
  const asked = new Promise<void>((resolve) => (answer = resolve));
  await page.route("**/api/sessions*", async (route) => {
    await asked;
    await route.continue();
  });
  await page.goto("/console/account");
  const waiting = page.getByRole("status").filter({ hasText: "Loading ..." }).first();
  await waiting.waitFor({ state: "attached" });
  await checkAccessibility(page);
  answer();
  await waiting.waitFor({ state: "detached" });
  await done([UNAUTHORIZED]);
});

test("a button that is busy keeps the focus, and can't be pressed again", async () => {
  const { page, done } = await visit();
  await page.goto("/console/sign-in");
  let asked = 0;
  await page.route("**/api/authorization", async (route) => {
    asked += 1;
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  await page.getByLabel("User name").fill("nobody");
  await page.getByLabel("Password").fill("wrong");
  const button = page.getByRole("button", { name: "Sign in", exact: true });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  expect(await focused(page)).toBe("Sign in");
  expect(asked).toBe(1);
  await done([UNAUTHORIZED]);
});

test("signing out says so if the server refuses, and reaches the other tabs", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/account");
  const other = await page.context().newPage();
  await other.goto("/console/devices");
  await other.getByRole("navigation", { name: "Main" }).waitFor();
  await page.route("**/api/authorization", (route) => route.fulfill({ status: 503, body: "" }));
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByText("The server is busy").first().waitFor();
  expect(new URL(page.url()).pathname).toBe("/console/account");
  await page.unroute("**/api/authorization");
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect.poll(() => new URL(page.url()).pathname).toBe("/console/sign-in");
  await expect.poll(() => other.url()).toContain("/console/sign-in?to=/devices");
  await done([UNAUTHORIZED, "status of 503"]);
});

test("signing out everywhere reaches the other tabs too", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/account");
  const other = await page.context().newPage();
  await other.goto("/console/devices");
  await other.getByRole("navigation", { name: "Main" }).waitFor();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await expect.poll(() => new URL(page.url()).pathname).toBe("/console/sign-in");
  await other.waitForURL("**/console/sign-in?to=/devices");
  await done([UNAUTHORIZED]);
});

test("another account in another tab is another account in all of them", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/reading");
  const other = await page.context().newPage();
  await other.goto("/console/account");
  await other.getByRole("button", { name: "Sign out", exact: true }).click();
  const second = await person("expert");
  await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
  await signIn(other, second);
  await page.reload();
  await page.getByRole("navigation", { name: "Main" }).getByText(second.username).waitFor();
  await done([UNAUTHORIZED]);
});

test("what has the focus is not behind the disclaimer or the bar", async () => {
  for (const width of [1280, 360]) {
    const { page, done } = await visit({ width, height: 500 });
    await signIn(page, lab.administrator, "/administration/accounts");
    await page.getByRole("heading", { level: 1 }).waitFor();
    for (let stop = 0; stop < 40; stop++) {
      await page.keyboard.press("Tab");
      const covered = await page.evaluate(() => {
        const element = document.activeElement;
        if (!element?.closest("main")) return "";
        const { left, right, top, bottom } = element.getBoundingClientRect();
        const at = (y: number) => document.elementFromPoint((left + right) / 2, y);
        const isSeen = [top + 2, bottom - 2].some(
          (y) => at(y)?.closest("footer, nav[aria-label=Main]") === null,
        );
        return isSeen ? "" : element.outerHTML;
      });
      expect(covered).toBe("");
    }
    await done([UNAUTHORIZED]);
  }
});
