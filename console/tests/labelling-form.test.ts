import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { show, signIn, visit } from "./support/lab";
import { UNAUTHORIZED, reader, images, assign, labelsOf, imageOf, finished } from "./support/labelling";

/** A doctor with one picture on the desk; its image. */
async function atTheDesk(page: Page): Promise<number> {
  const doctor = await reader("doctor");
  await assign({ readers: 1, doctors: [doctor.id], images: await images(1) });
  await signIn(page, doctor, "/labelling");
  const image = await imageOf(page);
  await page.locator("img.current").waitFor();
  await page.locator(".choices input:focus").first().waitFor();
  return image;
}

test("a form without any answer is finished by a second decision only", async () => {
  const { page, done } = await visit();
  const image = await atTheDesk(page);
  await page.keyboard.press("Control+Enter");
  const question = page.getByRole("dialog", { name: "Finish it without any answer?" });
  await question.waitFor();
  await checkAccessibility(page);
  await show(page, "label-empty");
  await page.keyboard.press("Control+Enter");
  await page.keyboard.press("Escape");
  await question.waitFor({ state: "detached" });
  expect(await labelsOf(image)).toEqual([]);
  await page.keyboard.press("Control+Enter");
  await question.getByRole("button", { name: "Finish it empty" }).click();
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  expect((await labelsOf(image)).map((each) => each.fields)).toEqual([{}]);
  await done([UNAUTHORIZED]);
});

test("a key that is held answers one question, writes into no text, and finishes one picture", async () => {
  const { page, done } = await visit();
  const doctor = await reader("doctor");
  await assign({ readers: 1, doctors: [doctor.id], images: await images(2) });
  await signIn(page, doctor, "/labelling");
  const hold = async (key: string) => {
    for (let times = 0; times < 5; times += 1) await page.keyboard.down(key);
    await page.keyboard.up(key);
  };
  const chosen = page.locator(".choices label.chosen");
  const focused = page.locator(".choices input:focus").first();

  const first = await imageOf(page);
  await focused.waitFor();
  await hold("1");
  await expect.poll(() => chosen.count(), { timeout: 20_000 }).toBe(1);
  await hold("2");
  await expect.poll(() => chosen.count(), { timeout: 20_000 }).toBe(2);
  const comment = page.getByLabel("Comment");
  const field = page.locator("[data-field=comment]");
  await hold(((await field.locator("kbd").textContent()) ?? "").toLowerCase());
  await expect.poll(() => comment.evaluate((each) => each === document.activeElement)).toBe(true);
  await page.keyboard.type("x");
  await expect.poll(() => comment.inputValue(), { timeout: 20_000 }).toBe("x");

  await page.keyboard.down("Control");
  await page.keyboard.down("Enter");
  const heading = page.getByRole("heading", { level: 1, name: /^Label picture / });
  await expect.poll(() => heading.textContent(), { timeout: 20_000 }).not.toContain(String(first));
  await focused.waitFor();
  const second = await imageOf(page);
  await page.getByRole("button", { name: finished }).focus();
  for (let times = 0; times < 5; times += 1) await page.keyboard.down("Enter");
  await page.keyboard.up("Enter");
  await page.keyboard.up("Control");
  await page.getByLabel("Comment").fill("seen");
  await page.getByText(/^Saved /).waitFor();
  expect(await page.getByRole("dialog").count()).toBe(0);
  await page.keyboard.press("Control+Enter");
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  expect((await labelsOf(first)).map((each) => each.fields.comment)).toEqual(["x"]);
  expect((await labelsOf(second)).map((each) => each.fields)).toEqual([{ comment: "seen" }]);
  await done([UNAUTHORIZED]);
});

test("single characters can be turned off as commands, on this device, but in what has the focus", async () => {
  const { page, done } = await visit();
  await atTheDesk(page);
  const source = () => page.locator("img.current").getAttribute("src");
  const hints = page.locator(".name kbd");
  expect(await hints.count()).toBeGreaterThan(5);
  await page.getByRole("button", { name: /^Keys/ }).click();
  await page.getByRole("dialog").getByRole("checkbox").uncheck();
  await checkAccessibility(page);
  await show(page, "label-keys");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.reload();
  await page.locator(".choices input:focus").first().waitFor();
  await page.locator("img.current").waitFor();
  expect(await hints.count()).toBe(0);
  for (const key of ["[", "?", "e", "+"]) await page.keyboard.press(key);
  expect(await page.getByRole("dialog").count()).toBe(0);
  expect(await source()).not.toContain("green_channel");
  expect(await page.getByLabel("Comment").evaluate((each) => each === document.activeElement)).toBe(false);
  await page.keyboard.press("1");
  await page.getByText(/^Saved /).waitFor();
  await page.locator(".frame").focus();
  await page.keyboard.press("[");
  await expect.poll(source).toContain("green_channel=true");
  await done([UNAUTHORIZED]);
});

test("what is chosen is seen also in the reader's own colours", async () => {
  const { page, done } = await visit();
  await page.emulateMedia({ forcedColors: "active" });
  await atTheDesk(page);
  await page.keyboard.press("1");
  await page.locator("label.chosen").waitFor();
  const background = (of: Locator) => of.evaluate((each) => getComputedStyle(each).backgroundColor);
  const chosen = page.locator("label.chosen");
  expect(await background(chosen)).not.toBe(
    await background(page.locator(".choices label:not(.chosen)").first()),
  );
  const channel = (name: RegExp) => page.getByRole("button", { name });
  expect(await background(channel(/^Original/))).not.toBe(await background(channel(/^Green channel/)));
  await show(page, "label-forced-colours");
  await done([UNAUTHORIZED]);
});

test("on a short screen the buttons are below the picture", async () => {
  const { page, done } = await visit({ width: 740, height: 360 });
  await atTheDesk(page);
  for (const button of await page.locator("figcaption button").all()) await button.click();
  await expect.poll(() => page.locator("img.current").getAttribute("src")).toContain("green_channel=true");
  const [frame, tools] = [page.locator(".frame"), page.locator("figcaption")];
  const [above, below] = [await frame.boundingBox(), await tools.boundingBox()];
  expect((above?.y ?? 0) + (above?.height ?? 0)).toBeLessThanOrEqual((below?.y ?? 0) + 1);
  await show(page, "label-short");
  await done([UNAUTHORIZED]);
});
