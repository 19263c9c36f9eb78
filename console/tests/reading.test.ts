import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { lab, launch, person, sample, show, signIn, visit } from "./support/lab";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
});

const UNAUTHORIZED = "status of 401";
const BAD_REQUEST = "status of 400";
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
  const { page, done } = await visit(browser);
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
  await checkAccessibility(page);
  await show(page, "reading-xray");
  await page
    .getByLabel("What is shown")
    .selectOption({ label: "Where the model looked for Pleural Effusion" });
  await expect.poll(() => isDrawn(page), { timeout: 20_000 }).toBe(true);
  await show(page, "reading-heatmap");
  await page.getByRole("button", { name: "Larger" }).click();
  await page.goBack();
  await page.getByRole("link", { name: "consolidation.webp" }).waitFor();
  await page.getByLabel("Search by title").fill("CONSOL");
  await expect.poll(() => page.locator(".grid li").count()).toBe(1);
  await show(page, "reading");
  await done([UNAUTHORIZED]);
});

test("what is no picture is refused in words, and the others are read", async () => {
  const { page, done } = await visit(browser, { width: 360, height: 700, dark: true });
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
  await page.getByRole("status").getByText("Likeliest").waitFor();
  expect((await page.getByRole("alert").allInnerTexts()).every((text) => text.length > 20)).toBe(true);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await show(page, "reading-refused");
  await page.getByRole("button", { name: "Remove from the list: broken.dcm" }).click();
  await expect.poll(() => page.getByRole("alert").count()).toBe(3);
  await done([UNAUTHORIZED, BAD_REQUEST, TOO_LARGE, "ERR_"]);
});

test("an X-ray of somebody else is not there", async () => {
  const { page, done } = await visit(browser);
  await signIn(page, await person("doctor"), "/reading/999999");
  await page.getByRole("alert").getByText("not there any more").waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED, "status of 404"]);
});
