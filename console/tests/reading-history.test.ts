import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { png } from "./support/gallery";
import { person, sample, show, signIn, visit } from "./support/lab";
import { predictions, tokenOf } from "./support/reading";

const UNAUTHORIZED = "status of 401";
const UNPROCESSABLE = "status of 422";
const MARKUP = "<img src=x onerror=alert(1)> & <b>bold</b>";
const BACKWARDS = "\u202eصدر 胸部";
const LONGEST = `${"long ".repeat(50)}title`;

/** The names in the list, as they are shown. */
function names(page: Page): Locator {
  return page.locator("section[aria-labelledby=history] .name");
}

async function shown(page: Page, expected: string[]): Promise<void> {
  await expect.poll(() => names(page).allTextContents(), { timeout: 10_000 }).toEqual(expected);
}

async function isDrawn(image: Locator): Promise<boolean> {
  return image.evaluate((each: HTMLImageElement) => each.complete && each.naturalWidth > 1);
}

test("the history has pages, and small pictures of DICOM files too", async () => {
  const { page, done } = await visit();
  const doctor = await person("doctor");
  const token = await tokenOf(doctor);
  const titles = Array.from({ length: 29 }, (_, at) => `chest ${at + 1}`);
  await predictions(token, titles, "chest-findings");
  await predictions(token, ["DICOM"], "covid19", await sample("pleural-effusion.dcm"));
  const large = png(900, 1200, 1);
  await predictions(token, ["large"], "covid19", large);
  const sizes: number[] = [];
  page.on("response", async (answer) => {
    if (answer.url().includes("/picture?viewport=")) sizes.push((await answer.body()).length);
  });
  await signIn(page, doctor);
  const newest = ["large", "DICOM", ...titles.toReversed()];
  await shown(page, newest.slice(0, 12));
  const first = page.locator(".entry img").first();
  for (const at of [0, 1])
    await expect.poll(() => isDrawn(page.locator(".entry img").nth(at)), { timeout: 20_000 }).toBe(true);
  expect(await first.evaluate((each: HTMLImageElement) => each.naturalHeight)).toBe(400);
  await checkAccessibility(page);
  await show(page, "history");
  await page.getByRole("button", { name: "More", exact: true }).click();
  await shown(page, newest.slice(0, 24));
  await page.getByRole("button", { name: "More", exact: true }).click();
  await shown(page, newest);
  await expect.poll(() => page.getByRole("button", { name: "More", exact: true }).count()).toBe(0);
  await page.locator(".entry img").last().scrollIntoViewIfNeeded();
  await expect.poll(() => isDrawn(page.locator(".entry img").last()), { timeout: 20_000 }).toBe(true);
  expect(Math.max(...sizes)).toBeLessThan(large.length / 4);
  await done([UNAUTHORIZED]);
});

test("a picture that is read comes in front, and takes nothing away from the reader", async () => {
  const { page, done } = await visit();
  const doctor = await person("doctor");
  const titles = Array.from({ length: 26 }, (_, at) => `chest ${at + 1}`);
  await predictions(await tokenOf(doctor), titles, "covid19");
  await signIn(page, doctor);
  const newest = titles.toReversed();
  await shown(page, newest.slice(0, 12));
  await page.getByRole("button", { name: "More", exact: true }).click();
  await shown(page, newest.slice(0, 24));
  await page.getByRole("checkbox", { name: "Select chest 4", exact: true }).check();
  const last = page.getByRole("link", { name: "chest 3 " });
  await last.focus();
  const file = { name: "new.png", mimeType: "image/png", buffer: await sample("normal.png") };
  await page.getByLabel("Choose files").setInputFiles(file);
  await shown(page, ["new.png", ...newest.slice(0, 24)]);
  expect(await page.getByRole("checkbox", { checked: true }).count()).toBe(1);
  expect(await last.evaluate((each) => each === document.activeElement)).toBe(true);
  await page.getByRole("button", { name: "More", exact: true }).click();
  await shown(page, ["new.png", ...newest]);
  await done([UNAUTHORIZED]);
});

test("the search asks the server while one types, and the address keeps it", async () => {
  const { page, done } = await visit();
  const doctor = await person("doctor");
  const token = await tokenOf(doctor);
  const some = ["50% off", "a_b", "axb", MARKUP, BACKWARDS, LONGEST, "C:\\x"];
  await predictions(token, some, "chest-findings");
  await predictions(
    token,
    Array.from({ length: 20 }, (_, at) => `newer ${at}`),
    "covid19",
  );
  await signIn(page, doctor);
  const search = page.getByLabel("Search by title", { exact: true });
  const choice = page.getByLabel("Model that has read", { exact: true });
  for (const [part, found] of [
    ["%", ["50% off"]],
    ["_", ["a_b"]],
    ["\\", ["C:\\x"]],
    ["A_B", ["a_b"]],
    ["ONERROR", [MARKUP]],
    ["胸", [BACKWARDS]],
    [LONGEST, [LONGEST]],
    ["NEWER 19", ["newer 19"]],
    ["nothing like it", []],
  ] as const) {
    await search.fill(part);
    await expect.poll(() => new URL(page.url()).searchParams.get("title")).toBe(part);
    await shown(page, [...found]);
  }
  await page.getByText("Nothing that you have read matches this.").waitFor();
  await search.fill("");
  await choice.selectOption({ label: "Five chest findings, demonstration (chest-findings/1)" });
  await shown(page, some.toReversed());
  await checkAccessibility(page);
  await show(page, "history-of-a-model");
  await search.pressSequentially("50%", { delay: 30 });
  await shown(page, ["50% off"]);
  await page.reload();
  await shown(page, ["50% off"]);
  expect(await search.inputValue()).toBe("50%");
  expect(await choice.inputValue()).toBe("chest-findings/1");
  await page.getByRole("link", { name: "50% off" }).click();
  await page.getByRole("heading", { name: "50% off", exact: true }).waitFor();
  await page.goBack();
  await shown(page, ["50% off"]);
  await done([UNAUTHORIZED, "blob:"]); // a picture that is dropped with its page
});

test("an outdated answer is dropped", async () => {
  const { page, done } = await visit();
  const doctor = await person("doctor");
  await predictions(await tokenOf(doctor), ["slow", "quick"], "covid19");
  await signIn(page, doctor);
  await shown(page, ["quick", "slow"]);
  let isAnswered = false;
  await page.route("**/api/predictions?*title=slow*", async (route) => {
    const answer = await route.fetch();
    await expect.poll(() => names(page).allTextContents()).toEqual(["quick"]);
    await route.fulfill({ response: answer });
    isAnswered = true;
  });
  const search = page.getByLabel("Search by title", { exact: true });
  const asked = page.waitForRequest(/title=slow/);
  await search.fill("slow");
  await asked;
  await search.fill("quick");
  await expect.poll(() => isAnswered).toBe(true);
  await page.waitForTimeout(300);
  expect(await names(page).allTextContents()).toEqual(["quick"]);
  await done([UNAUTHORIZED]);
});

test("titles as they may be fit a phone in the dark, in Chinese", async () => {
  const { page, done } = await visit({ width: 360, height: 800, dark: true });
  const doctor = await person("doctor");
  const ids = await predictions(await tokenOf(doctor), [BACKWARDS, MARKUP, LONGEST], "covid19");
  await signIn(page, doctor);
  await page.getByRole("button", { name: "Menu", exact: true }).click();
  await page.getByLabel("Language").selectOption("zh");
  await page.getByRole("button", { name: "菜单", exact: true }).click();
  await shown(page, [LONGEST, MARKUP, BACKWARDS]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await page.getByLabel("按标题搜索").fill("BOLD");
  await shown(page, [MARKUP]);
  await page.locator("section[aria-labelledby=history]").scrollIntoViewIfNeeded();
  await show(page, "history-zh");
  await page.getByLabel("按标题搜索").fill("没有");
  await page.getByText("没有符合条件的记录。").waitFor();
  for (const [at, title] of [BACKWARDS, MARKUP, LONGEST].entries()) {
    await page.goto(page.url().replace(/reading.*/, `reading/${ids[at]}`));
    await page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  }
  await checkAccessibility(page);
  await show(page, "prediction-zh");
  await done([UNAUTHORIZED]);
});

test("an address that can't be says why", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), `/reading?by=${encodeURIComponent("a/b/c")}`);
  await page.getByRole("alert").getByText("This must be `name` or `name/version`").waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED, UNPROCESSABLE]);
});
