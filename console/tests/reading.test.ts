import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { lab, person, sample, show, signIn, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
const UNPROCESSABLE = "status of 422";
const TOO_LARGE = "status of 413";

/** Whether the viewer's canvas shows more than its background. */
async function isDrawn(page: Page): Promise<boolean> {
  return page
    .locator(".place canvas")
    .first()
    .evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext("2d");
      if (!context) return false;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value, at) => at % 4 !== 3 && value > 100);
    });
}

test("several pictures are read, a DICOM among them, and found again", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  await page.getByText("You have not read anything yet.").waitFor();
  await checkAccessibility(page);
  const files = ["pleural-effusion.dcm", "consolidation.webp"].map((name) => join(lab.samples, name));
  await page.getByLabel("Choose files").setInputFiles(files);
  await page.getByRole("status").getByText("Likeliest: Consolidation").waitFor();
  await page.getByRole("link", { name: "Open: pleural-effusion.dcm" }).waitFor();
  await checkAccessibility(page);
  await page.getByRole("link", { name: "Open: pleural-effusion.dcm" }).click();
  await page.getByRole("heading", { name: "Findings" }).waitFor();
  await expect.poll(() => isDrawn(page), { timeout: 20_000 }).toBe(true);
  await page.getByText("above the threshold of 17").waitFor();
  await page.getByText("chest-findings/1", { exact: true }).waitFor();
  await checkAccessibility(page);
  await show(page, "reading-picture");
  await page
    .getByLabel("What is shown")
    .selectOption({ label: "Where the model looked for Pleural Effusion" });
  await expect.poll(() => isDrawn(page), { timeout: 20_000 }).toBe(true);
  await show(page, "reading-heatmap");
  await page.getByRole("button", { name: "Larger" }).click();
  await page.goBack();
  await page.getByRole("link", { name: "Open: consolidation.webp", exact: true }).waitFor();
  await page
    .getByRole("list", { name: "Read before" })
    .getByText("consolidation.webp", { exact: true })
    .waitFor();
  await page.getByLabel("Search by title").fill("CONSOL");
  await expect.poll(() => page.locator(".grid li").count()).toBe(1);
  await show(page, "reading");
  await done([UNAUTHORIZED]);
});

test("what is no picture is refused in words, and the others are read", async () => {
  const { page, done } = await visit({ width: 360, height: 700, dark: true });
  await signIn(page, await person("doctor"));
  const broken = (await sample("pleural-effusion.dcm")).subarray(0, 600);
  await page.getByLabel("Choose files").setInputFiles([
    { name: "<img src=x onerror=alert(1)>.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") },
    { name: "\u202eempty.png", mimeType: "image/png", buffer: Buffer.alloc(0) },
    { name: "broken.dcm", mimeType: "application/dicom", buffer: broken },
    { name: `${"long".repeat(60)}.png`, mimeType: "image/png", buffer: await sample("normal.png") },
    { name: "large.png", mimeType: "image/png", buffer: Buffer.alloc(21 * 1024 * 1024) },
  ]);
  await expect.poll(() => page.getByRole("alert").count(), { timeout: 30_000 }).toBe(4);
  await page.getByRole("status").getByText("No finding above its threshold").waitFor();
  expect((await page.getByRole("alert").allInnerTexts()).every((text) => text.length > 15)).toBe(true);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await show(page, "reading-refused");
  await page.getByRole("button", { name: "Remove from the list: broken.dcm" }).click();
  await expect.poll(() => page.getByRole("alert").count()).toBe(3);
  await done([UNAUTHORIZED, UNPROCESSABLE, TOO_LARGE, "ERR_"]);
});

test("any model reads, which the address names, and its card is beside the findings", async () => {
  const { page, done } = await visit({ width: 360, height: 800 });
  await signIn(page, await person("doctor"), "/reading?model=covid19");
  const choice = page.getByLabel("Model that reads", { exact: true });
  await expect.poll(() => choice.inputValue()).toBe("covid19/1");
  await choice.selectOption({ label: "Five chest findings, demonstration (chest-findings/1)" });
  await expect.poll(() => new URL(page.url()).searchParams.get("model")).toBe("chest-findings/1");
  await page.getByText("Pleural Effusion ≥ 17").waitFor();
  await choice.selectOption({ label: "COVID-19 against normal, demonstration (covid19/1)" });
  await page.getByText("NORMAL ≥ 45").waitFor();
  await checkAccessibility(page);
  await page.getByLabel("Choose files").setInputFiles(join(lab.samples, "covid19-positive.png"));
  await page.getByRole("status").getByText("Likeliest: COVID-19").waitFor();
  await page.getByRole("link", { name: "Open: covid19-positive.png", exact: true }).click();
  await page.getByText("above the threshold of 55").waitFor();
  await page.getByText("covid19/1", { exact: true }).waitFor();
  await expect.poll(() => isDrawn(page), { timeout: 20_000 }).toBe(true);
  const card = page.getByRole("link", { name: "Card of the model", exact: true });
  expect(await card.getAttribute("href")).toBe("/api/models/covid19/1/card");
  await page.getByLabel("What is shown").selectOption({ label: "Where the model looked for COVID-19" });
  await expect.poll(() => isDrawn(page), { timeout: 20_000 }).toBe(true);
  await page.getByText("They are no medical device").waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await show(page, "reading-covid19");
  await done([UNAUTHORIZED]);
});

test("a model that is not installed is named, and another one reads", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/reading?model=gone%2F3");
  await page.getByText("The model gone/3 is not installed.").waitFor();
  expect(await page.getByLabel("Model that reads", { exact: true }).inputValue()).toBe("chest-findings/1");
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
});

test("a file that could not be sent is tried again", async () => {
  const { page, done } = await visit({ dark: true });
  await signIn(page, await person("doctor"));
  let refused = 0;
  await page.route("**/api/predictions", async (route) => {
    if (route.request().method() !== "POST" || ++refused > 1) return route.fallback();
    await route.fulfill({ status: 500, json: {} });
  });
  await page.getByLabel("Choose files").setInputFiles(join(lab.samples, "normal.png"));
  await page.getByRole("alert").getByText("The server failed").waitFor();
  await checkAccessibility(page);
  await show(page, "reading-again");
  await page.getByRole("button", { name: "Try again: normal.png", exact: true }).press("Enter");
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("LI");
  await page.getByRole("status").getByText("No finding above its threshold").waitFor();
  await page.getByRole("list", { name: "Read before" }).getByText("normal.png", { exact: true }).waitFor();
  await done([UNAUTHORIZED, "status of 500"]);
});

test("a prediction of somebody else is not there", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/reading/999999");
  await page.getByRole("alert").getByText("not there any more").waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED, "status of 404"]);
});
