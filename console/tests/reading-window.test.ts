import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { dicom } from "./support/dicom";
import { person, sample, show, signIn, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
/** The bands of the picture, from left to right; the middle one is in the middle of the viewer. */
const BANDS = [10_000, 20_000, 40_000] as const;
const COLUMNS = 1500;
/** For a test of many requests; each of them takes no longer than `SOON`. */
const [LONG, SOON] = [180_000, { timeout: 20_000 }];
const CHEST = dicom({
  columns: COLUMNS,
  rows: 1200,
  value: (x) => BANDS[Math.floor((3 * x) / COLUMNS)] ?? 0,
  windows: [
    { center: 20_000, width: 10_001, explanation: "MEDIASTINUM" },
    { center: 30_000, width: 40_001, explanation: "LUNG" },
  ],
});

async function open(page: Page, name: string, buffer: Buffer): Promise<void> {
  await page.getByLabel("Choose files").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
  await page.getByRole("link", { name: `Open: ${name}`, exact: true }).click();
  await page.getByRole("heading", { name: "Findings", exact: true }).waitFor();
}

/** The greys of the middle row of what the viewer shows, from left to right. */
async function middleRow(page: Page): Promise<number[]> {
  return page
    .locator(".place canvas")
    .first()
    .evaluate((canvas: HTMLCanvasElement) => {
      const context = canvas.getContext("2d");
      if (!context) return [];
      const { data } = context.getImageData(0, Math.floor(canvas.height / 2), canvas.width, 1);
      return Array.from({ length: canvas.width }, (_, at) => data[4 * at] ?? -1);
    });
}

/** The grey in the middle of the viewer. */
async function grey(page: Page): Promise<number> {
  const row = await middleRow(page);
  return row[Math.floor(row.length / 2)] ?? -1;
}

/** Waits until the middle band has this grey. */
async function becomes(page: Page, expected: number): Promise<void> {
  await expect
    .poll(async () => Math.abs((await grey(page)) - expected) <= 1, {
      message: `grey ${expected}`,
      ...SOON,
    })
    .toBe(true);
}

/** The middle of the viewer, which is scrolled to. */
async function middle(page: Page): Promise<[number, number]> {
  const place = page.locator(".place");
  await place.scrollIntoViewIfNeeded();
  const box = await place.boundingBox();
  if (!box) throw new Error("There is no viewer.");
  return [box.x + box.width / 2, box.y + box.height / 2];
}

/** Where the middle band begins and ends on the screen. */
async function band(page: Page): Promise<[number, number]> {
  const row = await middleRow(page);
  const middle = row[Math.floor(row.length / 2)] ?? -1;
  return [row.indexOf(middle), row.lastIndexOf(middle)];
}

/** By how many pixels of the screen a band has moved; its edge is softer in a large version of the picture. */
function moved(band: [number, number], from: [number, number]): number {
  return Math.max(...band.map((each, side) => Math.abs(each - (from[side] ?? 0))));
}

/** The grey of the middle band in a window that is linear (PS3.3 C.11.2.1.2.1). */
function linear(center: number, width: number): number {
  const share = (BANDS[1] - (center - 0.5)) / (width - 1) + 0.5;
  return Math.round(255 * Math.min(1, Math.max(0, share)));
}

test(
  "the picture changes as its window does: by numbers, the windows of the file and the slider",
  { timeout: LONG },
  async () => {
    const { page, done } = await visit();
    await signIn(page, await person("doctor"));
    await open(page, "chest.dcm", CHEST);
    await becomes(page, linear(20_000, 10_001));
    const level = page.getByRole("spinbutton", { name: "Level", exact: true });
    const width = page.getByRole("spinbutton", { name: "Width", exact: true });
    await expect.poll(() => level.inputValue(), SOON).toBe("20000");
    await checkAccessibility(page);
    await show(page, "reading-window");

    await level.fill("22000");
    await level.press("Enter");
    await becomes(page, linear(22_000, 10_001));
    await width.fill("-7");
    await width.press("Enter");
    await expect.poll(() => width.inputValue(), SOON).toBe("1");
    await becomes(page, 0);

    const windows = page.getByLabel("Windows", { exact: true });
    await windows.selectOption({ label: "LUNG" });
    await becomes(page, linear(30_000, 40_001));
    await windows.selectOption({ label: "Whole range" });
    await becomes(page, 85);
    await page.getByRole("button", { name: "Reset the window", exact: true }).click();
    await becomes(page, linear(20_000, 10_001));
    await expect.poll(() => windows.inputValue(), SOON).toBe("0");

    const slider = page.getByRole("slider", { name: "Level", exact: true });
    await slider.focus();
    for (let press = 0; press < 20; press += 1) await slider.press("ArrowLeft");
    await expect.poll(() => level.inputValue(), SOON).toBe("18000");
    await becomes(page, linear(18_000, 10_001));
    await expect.poll(() => windows.locator("option:checked").innerText(), SOON).toBe("Your own");
    await slider.press("Home");
    await expect.poll(() => slider.getAttribute("aria-valuenow"), SOON).toBe(String(BANDS[0]));
    await becomes(page, 255);
    await done([UNAUTHORIZED]);
  },
);

test(
  "keys and dragging change the window and move nothing, with one request at a time",
  { timeout: LONG },
  async () => {
    const { page, done } = await visit();
    await page.addInitScript(countPictures);
    await signIn(page, await person("doctor"));
    await open(page, "chest.dcm", CHEST);
    await becomes(page, linear(20_000, 10_001));
    const level = page.getByRole("spinbutton", { name: "Level", exact: true });
    const width = page.getByRole("spinbutton", { name: "Width", exact: true });
    const far = await settled(() => band(page));
    await page.evaluate(() => (globalThis.pictures.most = 0)); // those of the history were loaded side by side
    await page.locator(".openseadragon-canvas").focus();
    await page.keyboard.press("2");
    await becomes(page, linear(30_000, 40_001));
    await page.keyboard.press("k");
    await expect.poll(() => level.inputValue(), SOON).toBe("29700");
    await becomes(page, linear(29_700, 40_001));
    await expect.poll(() => page.evaluate(() => globalThis.pictures.running), SOON).toBe(0);
    expect(moved(await band(page), far)).toBeLessThan(3);

    await page.getByRole("button", { name: "Larger", exact: true }).click();
    await expect
      .poll(async () => {
        const [left, right] = await band(page);
        return right - left;
      }, SOON)
      .toBeGreaterThan((far[1] - far[0]) * 1.3);
    const near = await settled(() => band(page));
    const [x, y] = await middle(page);
    const before = Number(await width.inputValue());
    await page.mouse.move(x, y);
    await page.mouse.down({ button: "right" });
    await page.mouse.move(x - 80, y + 40, { steps: 20 });
    await page.mouse.up({ button: "right" });
    await expect.poll(async () => Number(await width.inputValue()), SOON).toBeLessThan(before);
    await becomes(page, linear(Number(await level.inputValue()), Number(await width.inputValue())));
    await expect.poll(() => page.evaluate(() => globalThis.pictures.running), SOON).toBe(0);
    expect(moved(await settled(() => band(page)), near)).toBeLessThan(3);

    await page.getByRole("button", { name: "Drag changes the window", exact: true }).click();
    const held = Number(await level.inputValue());
    const [again, up] = await middle(page);
    await page.mouse.move(again, up);
    await page.mouse.down();
    await page.mouse.move(again, up - 40, { steps: 20 });
    await page.mouse.up();
    await expect.poll(async () => Number(await level.inputValue()), SOON).not.toBe(held);
    await becomes(page, linear(Number(await level.inputValue()), Number(await width.inputValue())));
    expect(moved(await settled(() => band(page)), near)).toBeLessThan(3);
    expect(await page.evaluate(() => globalThis.pictures.most)).toBe(1);
    await show(page, "reading-window-dragged");
    await done([UNAUTHORIZED]);
  },
);

declare global {
  var pictures: { running: number; most: number };
}

/** Counts in the page how many pictures it loads at a time. One that it gives up is not loaded any more. */
function countPictures(): void {
  const own = globalThis.fetch;
  globalThis.pictures = { running: 0, most: 0 };
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    if (!new URL(request.url).pathname.endsWith("/picture")) return own(request);
    const { pictures } = globalThis;
    pictures.running += 1;
    pictures.most = Math.max(pictures.most, pictures.running);
    let isLoading = true;
    const ended = (): void => {
      if (isLoading) pictures.running -= 1;
      isLoading = false;
    };
    request.signal.addEventListener("abort", ended);
    const answer = await own(request);
    const read = answer.blob.bind(answer);
    answer.blob = () => read().finally(ended);
    return answer;
  };
}

/** What a function answers when it has answered the same twice, a moment apart: animations are over then. */
async function settled<Value>(look: () => Promise<Value>): Promise<Value> {
  let last = await look();
  await expect
    .poll(
      async () => {
        const before = JSON.stringify(last);
        last = await look();
        return JSON.stringify(last) === before;
      },
      { interval: 200, ...SOON },
    )
    .toBe(true);
  return last;
}

test("on a narrow dark screen everything can be reached", async () => {
  const { page, done } = await visit({ width: 360, height: 740, dark: true });
  await signIn(page, await person("doctor"));
  await open(page, "narrow.dcm", CHEST);
  await becomes(page, linear(20_000, 10_001));
  await page.getByRole("slider", { name: "Width", exact: true }).focus();
  await page.keyboard.press("PageUp");
  await expect
    .poll(() => page.getByRole("spinbutton", { name: "Width", exact: true }).inputValue())
    .not.toBe("10001");
  await page.getByRole("region", { name: "Window", exact: true }).scrollIntoViewIfNeeded();
  await show(page, "reading-window-narrow");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
});

test("a picture of 8 bits has no window", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  const values = page.waitForResponse((answer) => answer.url().endsWith("/picture/values"));
  await open(page, "normal.png", await sample("normal.png"));
  expect(((await (await values).json()) as { windowed: boolean }).windowed).toBe(false);
  await expect.poll(async () => (await middleRow(page)).some((each) => each > 40), SOON).toBe(true);
  expect(await page.getByRole("slider").count()).toBe(0);
  await checkAccessibility(page);

  await done([UNAUTHORIZED]);
});

test("a heatmap has no window, and the picture has kept its own", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  await open(page, "chest.dcm", CHEST);
  await becomes(page, linear(20_000, 10_001));
  await page.getByRole("spinbutton", { name: "Level", exact: true }).fill("22000");
  await page.keyboard.press("Enter");
  await becomes(page, linear(22_000, 10_001));
  const view = page.getByLabel("What is shown", { exact: true });
  await view.selectOption({ label: "Where the model looked for Edema" });
  await expect.poll(() => page.getByRole("slider").count(), SOON).toBe(0);
  await view.selectOption({ label: "Picture" });
  await becomes(page, linear(22_000, 10_001));
  await expect
    .poll(() => page.getByRole("spinbutton", { name: "Level", exact: true }).inputValue())
    .toBe("22000");
  await done([UNAUTHORIZED]);
});
