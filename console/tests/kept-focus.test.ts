import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { file, folder, group, png, share } from "./support/gallery";
import { asAdministrator, lab, person, show, signIn, visit } from "./support/lab";
import { tokenOf } from "./support/reading";

const UNAUTHORIZED = "status of 401";

/** The name of what has the focus, as far as these tests need it. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const { activeElement: control } = document;
    return control?.getAttribute("aria-label") ?? control?.textContent.trim() ?? "";
  });
}

async function isFocused(page: Page, name: string): Promise<void> {
  await expect.poll(() => focused(page)).toBe(name);
  expect(await page.evaluate(() => document.activeElement === document.body)).toBe(false);
}

async function press(control: Locator, key = "Enter"): Promise<void> {
  await control.focus();
  await control.page().keyboard.press(key);
}

/** Says yes to the question of a dialog that has opened, whose first button is the one that leaves it. */
async function sayYes(page: Page): Promise<void> {
  await isFocused(page, "Cancel");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
}

/** Removes what has the focus, after the question whether to, and checks where the focus is then. */
async function remove(page: Page, next: string): Promise<void> {
  await page.keyboard.press("Enter");
  await sayYes(page);
  await isFocused(page, next);
}

test("API keys are revoked, and sessions end, from row to row", async () => {
  const doctor = await person("doctor");
  const headers = {
    authorization: `Bearer ${await tokenOf(doctor)}`,
    "content-type": "application/json",
  };
  await tokenOf(doctor);
  for (const name of ["one", "two", "three"]) {
    const body = JSON.stringify({ name, scopes: ["read"] });
    expect((await fetch(`${lab.url}/api/keys`, { method: "POST", headers, body })).status).toBe(201);
  }
  const { page, done } = await visit();
  await signIn(page, doctor, "/account");
  const keys = page.getByRole("region", { name: "API keys" });
  await keys
    .getByRole("button", { name: /^Revoke/ })
    .nth(2)
    .waitFor();
  const labels = await keys
    .getByRole("button", { name: /^Revoke/ })
    .evaluateAll((all) => all.map((each) => each.getAttribute("aria-label") ?? ""));
  const [first = "", , last = ""] = labels;
  await keys.getByRole("button", { name: labels[1] }).focus();
  await remove(page, last);
  await show(page, "kept-focus-keys");
  await remove(page, first);
  await remove(page, "API keys");
  await checkAccessibility(page);

  await press(page.getByRole("button", { name: "Make a key" }));
  await page.keyboard.type("four");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "The new key" }).waitFor();
  await press(page.getByRole("dialog").getByRole("button", { name: "Close", exact: true }));
  await isFocused(page, "Make a key");

  const sessions = page.getByRole("region", { name: "Sessions" });
  const end = sessions.getByRole("button", { name: /^End: / });
  await expect.poll(() => end.count()).toBe(2);
  const next = (await end.nth(1).getAttribute("aria-label")) ?? "";
  await press(end.first());
  await expect.poll(() => end.count()).toBe(1);
  await isFocused(page, next);
  await page.keyboard.press("Enter");
  await isFocused(page, "Sessions");
  await done([UNAUTHORIZED]);
});

test("accounts that wait are approved and deleted from row to row", async () => {
  const prefix = `waits-${process.pid}`;
  for (const at of [1, 2, 3, 4]) {
    const form = new URLSearchParams({ username: `${prefix}-${at}`, password: "correct horse battery" });
    expect((await fetch(`${lab.url}/accounts`, { method: "POST", body: form })).status).toBe(201);
  }
  const { page, done } = await visit();
  await signIn(page, lab.administrator, `/administration/accounts?authority=100`);
  await press(page.getByRole("button", { name: `Approve as doctor: ${prefix}-2` }));
  await isFocused(page, `Approve as doctor: ${prefix}-3`);
  await page.keyboard.press("Tab");
  await isFocused(page, `API keys: ${prefix}-3`);
  await page.keyboard.press("Tab");
  await remove(page, `Delete: ${prefix}-4`);
  await remove(page, `Delete: ${prefix}-1`);
  await done([UNAUTHORIZED]);
});

test("links and pictures of a group, one and several at once", async () => {
  const pictures = [1, 2, 3, 4, 5].map((at) => ({ name: `focus-${at}.png`, data: png(60, 40, 900 + at) }));
  const made = await group({ title: "Kept focus" }, pictures);
  await share(made.id);
  await share(made.id);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, `/gallery/manage/${made.id}`);
  const revoke = page.getByRole("button", { name: /^Revoke: Made / });
  await expect.poll(() => revoke.count()).toBe(2);
  const next = (await revoke.nth(1).getAttribute("aria-label")) ?? "";
  await revoke.first().focus();
  await remove(page, next);
  await expect.poll(() => revoke.count()).toBe(1); // both may have the same name
  await isFocused(page, next);
  await remove(page, "Shared links");

  for (const at of [2, 3]) await press(page.getByRole("checkbox", { name: `focus-${at}.png` }), "Space");
  await page.getByRole("button", { name: "Delete", exact: true }).focus();
  await remove(page, "Select focus-4.png");
  await page.keyboard.press("Space");
  const other = await group({ title: "Other group" }, []);
  await press(page.getByRole("button", { name: "Move to another group" }));
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("option", { name: "Other group" }).waitFor({ state: "attached" });
  await dialog.getByRole("combobox").selectOption(String(other.id));
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await isFocused(page, "Select focus-5.png");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Delete", exact: true }).focus();
  await remove(page, "Select focus-1.png");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "Delete", exact: true }).focus();
  await remove(page, "0 pictures");
  await done([UNAUTHORIZED]);
});

test("files and folders of the drive, and uploads that are over", async () => {
  const name = `Focus ${process.pid}`;
  const place = await folder(name);
  for (const at of [1, 2]) await file(place, `focus-${at}.png`, png(30, 30, 950 + at));
  const { page, done } = await visit();
  await signIn(page, lab.administrator, `/gallery/drive?folder=${place}`);
  await page.getByRole("button", { name: "Delete: focus-1.png" }).focus();
  await remove(page, "Delete: focus-2.png");
  await remove(page, name);

  const two = [1, 2].map((at) => ({
    name: `empty-${at}.png`,
    mimeType: "image/png",
    buffer: Buffer.alloc(0),
  }));
  await page.locator("input[type=file]").setInputFiles(two);
  await press(page.getByRole("button", { name: "Cancel: empty-1.png" }));
  await isFocused(page, "Cancel: empty-2.png");
  await page.keyboard.press("Enter");
  await isFocused(page, name);
  await page.getByRole("button", { name: "Delete", exact: true }).focus();
  await remove(page, "Folders");
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
});

test("exports are deleted from row to row", async () => {
  for (let count = 0; count < 2; count++)
    expect((await asAdministrator("POST", "/api/exports", { format: "csv" })).status).toBeLessThan(300);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/labelling/exports");
  const buttons = page.getByRole("button", { name: /^Delete/ });
  await buttons.nth(1).waitFor();
  const names = await buttons.evaluateAll((all) => all.map((each) => each.getAttribute("aria-label") ?? ""));
  await press(buttons.first());
  await sayYes(page);
  await isFocused(page, names[1] ?? "");
  await done([UNAUTHORIZED]);
});
