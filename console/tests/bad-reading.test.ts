import type { Page } from "playwright-core";
import { afterAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { badFiles, choose, drop, type Payload, removeChosen } from "./support/bad-files";
import { person, sample, show, signIn, visit } from "./support/lab";

const REFUSED = ["status of 401", "status of 422", "status of 413"];

afterAll(removeChosen);

test.each([
  ["chosen", (page: Page, files: Payload[]) => choose(page.getByLabel("Choose files"), files)],
  ["dropped", (page: Page, files: Payload[]) => drop(page, page.locator(".drop"), files)],
])("what can't be read is said at each file that is %s, and the others are read", async (how, give) => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  const bad = await badFiles();
  const good = { name: "good.png", mimeType: "image/png", buffer: await sample("normal.png") };
  await give(page, [...Object.values(bad), good]);
  const entry = (name: string) => page.getByRole("listitem").filter({ hasText: name });
  for (const [name, said] of [
    ["text.png", "This is not a picture"],
    ["empty.png", "The file is empty."],
    ["broken.dcm", "The DICOM file has no pixels"],
    ["cut.dcm", "it ends inside its pixels"],
    ["large.png", "larger than 21 MB"],
  ] as const)
    await entry(name).getByRole("alert").getByText(said).waitFor();
  await entry("good.png").getByText("No finding above its threshold").first().waitFor();
  await checkAccessibility(page);
  await show(page, `bad-reading-${how}`);
  expect(await page.getByRole("alert").count()).toBe(5);
  await done(REFUSED);
});
