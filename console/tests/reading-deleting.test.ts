import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { lab, person, sample, show, signIn, visit } from "./support/lab";
import { predictions, tokenOf } from "./support/reading";

const UNAUTHORIZED = "status of 401";
const MISSING = "status of 404";
const LONG = "long ".repeat(50).trim();
const BACKWARDS = "\u202eصدر 胸部";

async function shown(page: Page, expected: string[]): Promise<void> {
  const names = page.locator("section[aria-labelledby=history] .name");
  await expect.poll(() => names.allTextContents(), { timeout: 10_000 }).toEqual(expected);
}

/** What has the focus, by its name or its text. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const at = document.activeElement;
    return at?.getAttribute("aria-label") ?? at?.textContent?.trim() ?? "";
  });
}

test("a reading is deleted on its page, by keyboard, and is gone from the history and from its address", async () => {
  const { page, done } = await visit();
  const doctor = await person("doctor");
  const token = await tokenOf(doctor);
  const [, , id] = await predictions(token, ["chest a", "other", "chest b"], "covid19");
  await signIn(page, doctor, "/reading?title=chest");
  await shown(page, ["chest b", "chest a"]);
  await page.getByRole("link", { name: "chest b" }).click();
  const button = page.getByRole("button", { name: "Delete", exact: true });
  await button.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Delete chest b?" });
  await dialog.waitFor();
  await checkAccessibility(page);
  await show(page, "reading-delete");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await expect.poll(() => focused(page)).toBe("Delete");
  await page.keyboard.press("Enter");
  await dialog.getByRole("button", { name: "Delete" }).press("Enter");
  await page.getByRole("heading", { name: "Read before" }).waitFor();
  expect(new URL(page.url()).searchParams.get("title")).toBe("chest");
  await shown(page, ["chest a"]);
  await page.goto(`${lab.url}/console/reading/${id}`);
  await page.getByRole("alert").getByText("not there any more").waitFor();
  expect(await page.getByRole("button", { name: "Delete", exact: true }).count()).toBe(0);
  await checkAccessibility(page);
  await done([UNAUTHORIZED, MISSING]);
});

test("a reading that was opened by its address leads to the history when it is deleted", async () => {
  const { page, done } = await visit();
  const doctor = await person("doctor");
  const token = await tokenOf(doctor);
  const [kept, gone] = await predictions(token, ["kept", ""], "covid19");
  await signIn(page, doctor, `/reading/${gone}`);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  // Another page was faster.
  const headers = { authorization: `Bearer ${token}` };
  await fetch(`${lab.url}/api/predictions/${gone}`, { method: "DELETE", headers });
  const dialog = page.getByRole("dialog", { name: `Delete #${gone}?` });
  await dialog.getByRole("button", { name: "Delete" }).click();
  await shown(page, ["kept"]);
  expect(new URL(page.url()).pathname).toBe("/console/reading");
  await page.goto(`${lab.url}/console/reading/${kept}`);
  await page.getByRole("heading", { level: 1, name: "kept" }).waitFor();
  await done([UNAUTHORIZED, MISSING]);
});

test("several are deleted in the history at once, and one that can't be stays with the reason", async () => {
  const { page, done } = await visit();
  const doctor = await person("doctor");
  const titles = Array.from({ length: 14 }, (_, at) => `chest ${at}`);
  await predictions(await tokenOf(doctor), titles, "covid19");
  await signIn(page, doctor);
  const newest = titles.toReversed();
  await shown(page, newest.slice(0, 12));
  await page.getByRole("button", { name: "More", exact: true }).click();
  await shown(page, newest);
  for (const name of ["chest 13", "chest 5", "chest 0"]) {
    await page.getByRole("checkbox", { name: `Select ${name}`, exact: true }).focus();
    await page.keyboard.press("Space");
  }
  await page.getByRole("status").getByText("3 selected").waitFor();
  await checkAccessibility(page);
  await show(page, "history-selected");
  const refused: string[] = [];
  await page.route("**/api/predictions/*", async (route) => {
    if (route.request().method() !== "DELETE" || refused.length > 1) return route.fallback();
    refused.push(route.request().url());
    return refused.length === 1 ? route.fallback() : route.fulfill({ status: 503, json: { detail: "busy" } });
  });
  await page.getByRole("button", { name: "Delete 3 readings" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete 3 readings?" });
  await dialog.getByText("chest 13").waitFor();
  await checkAccessibility(page);
  await show(page, "history-delete-several");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByText("The server is busy, or is being restarted.").first().waitFor();
  await shown(page, newest.slice(1));
  await page.getByRole("button", { name: "Delete 2 readings" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  const rest = newest.filter((each) => !["chest 13", "chest 5", "chest 0"].includes(each));
  await shown(page, rest);
  await expect.poll(() => focused(page)).toBe("Read before");
  await page.reload();
  await shown(page, rest);
  await page.getByRole("checkbox", { name: "Select chest 12", exact: true }).check();
  await page.getByRole("button", { name: "Select none" }).click();
  await expect.poll(() => page.getByRole("checkbox", { checked: true }).count()).toBe(0);
  await done([UNAUTHORIZED, "status of 503"]);
});

test("when all that is shown is deleted, what comes after it is shown, in Chinese on a phone", async () => {
  const { page, done } = await visit({ width: 360, height: 800, dark: true, locale: "zh-CN" });
  const doctor = await person("doctor");
  const titles = [LONG, BACKWARDS, ...Array.from({ length: 12 }, (_, at) => `${at}`)];
  await predictions(await tokenOf(doctor), titles, "covid19");
  await page.goto("/console/");
  await page.getByLabel("用户名").fill(doctor.username);
  await page.getByLabel("密码").fill(doctor.password);
  await page.getByRole("button", { name: "登录", exact: true }).click();
  await shown(page, titles.toReversed().slice(0, 12));
  for (const each of await page.getByRole("checkbox").all()) await each.check();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await show(page, "history-selected-zh");
  await page.getByRole("button", { name: "删除 12 条记录" }).click();
  await page.getByRole("dialog", { name: "删除 12 条记录？" }).getByRole("button", { name: "删除" }).click();
  await shown(page, [BACKWARDS, LONG]);
  for (const each of await page.getByRole("checkbox").all()) await each.check();
  await page.getByRole("button", { name: "删除 2 条记录" }).click();
  await show(page, "history-delete-zh");
  await page.getByRole("dialog").getByRole("button", { name: "删除" }).click();
  await page.getByText("您还没有读过图片。").waitFor();
  await done([UNAUTHORIZED]);
});

test("uploads that are done leave the list one by one and at once, and the focus stays near them", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  const normal = await sample("normal.png");
  const files = ["a.png", "b.png", "c.png", "d.png"].map((name) => ({
    ...{ name, mimeType: "image/png" },
    buffer: name === "c.png" ? Buffer.from("no picture") : normal,
  }));
  await page.getByLabel("Choose files").setInputFiles(files);
  const list = page.getByRole("list", { name: "What you have sent" });
  await expect
    .poll(() => list.getByText("No finding above its threshold").count(), { timeout: 30_000 })
    .toBe(3);
  await list.getByRole("alert").getByText("not a picture").waitFor();
  expect(await page.getByRole("button", { name: "Try again: c.png" }).count()).toBe(0);
  await checkAccessibility(page);
  await show(page, "reading-done");
  const remove = (name: string) => page.getByRole("button", { name: `Remove from the list: ${name}` });
  await remove("b.png").press("Enter");
  expect(await focused(page)).toBe("Remove from the list: a.png");
  await page.keyboard.press("Enter");
  expect(await focused(page)).toBe("Remove from the list: c.png");
  await page.getByRole("button", { name: "Clear finished" }).press("Enter");
  await expect.poll(() => list.getByRole("listitem").count()).toBe(1);
  expect(await focused(page)).toBe("Remove from the list: c.png");
  await page.keyboard.press("Enter");
  await expect.poll(() => list.count()).toBe(0);
  expect(await page.evaluate(() => (document.activeElement as HTMLInputElement | null)?.type)).toBe("file");
  // Two are read at once, so that any of them may be the last one.
  await expect
    .poll(async () => (await page.locator("section[aria-labelledby=history] .name").allInnerTexts()).sort())
    .toEqual(["a.png", "b.png", "d.png"]);
  await done([UNAUTHORIZED, "status of 422"]);
});

test("the list of uploads does not lead to what was deleted", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  const buffer = await sample("normal.png");
  await page.getByLabel("Choose files").setInputFiles([{ name: "a.png", mimeType: "image/png", buffer }]);
  await page.getByRole("link", { name: "Open: a.png" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("You have not read anything yet.").waitFor();
  expect(await page.getByRole("link", { name: "Open: a.png" }).count()).toBe(0);
  await done([UNAUTHORIZED]);
});
