import type { Locator, Page } from "playwright-core";
import { afterAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { badFiles, choose, drop, type Payload, removeChosen } from "./support/bad-files";
import { folder, folders, png } from "./support/gallery";
import { asAdministrator, lab, show, signIn, visit } from "./support/lab";

const REFUSED = ["status of 401", "status of 400", "status of 413"];

afterAll(removeChosen);

/** The large file goes in chunks. */
const SLOW = 240_000;

const WAYS: [string, (page: Page, files: Payload[]) => Promise<void>][] = [
  ["chosen", (page, files) => choose(page.locator("input[type=file]"), files)],
  ["dropped", (page, files) => drop(page, page.locator(".drop"), files)],
];

function entry(page: Page, name: string): Locator {
  return page.getByRole("listitem").filter({ hasText: name });
}

async function imageCount(): Promise<number> {
  const listed = await asAdministrator("GET", "/api/images?limit=1");
  return ((await listed.json()) as { total: number }).total;
}

test.each(WAYS)("pictures to label that are none are said to be so where they are %s", async (how, give) => {
  const before = await imageCount();
  const { page, done } = await visit({ width: 360, height: 740 });
  await signIn(page, lab.administrator, "/labelling/images");
  await page.getByRole("heading", { name: "Upload pictures" }).waitFor();
  const good = { name: `${"long".repeat(60)}.png`, mimeType: "image/png", buffer: png(90, 60, 71) };
  await give(page, [...Object.values(await badFiles()), good]);
  for (const [name, said] of [
    [
      "text.png",
      "This is no picture, or of a kind that is not read. The server says: This is not a picture in JPEG",
    ],
    ["empty.png", "The file is empty."],
    ["broken.dcm", "The DICOM file has no pixels"],
    ["cut.dcm", "it ends inside its pixels"],
    ["large.png", "The file is larger than 21 MB, which is the most that is accepted."],
  ] as const)
    await entry(page, name).getByRole("alert").getByText(said).waitFor();
  await entry(page, good.name).getByText("Uploaded", { exact: true }).waitFor();
  expect(await imageCount()).toBe(before + 1);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await entry(page, "text.png").scrollIntoViewIfNeeded();
  await show(page, `bad-labelling-${how}`);
  await done(REFUSED);
});

test("the same in Chinese", async () => {
  const { page, done } = await visit({ locale: "zh-CN" });
  await page.goto(`${lab.url}/console/sign-in?to=/labelling/images`);
  await page.getByLabel("用户名").fill(lab.administrator.username);
  await page.getByLabel("密码").fill(lab.administrator.password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "上传图像" }).waitFor();
  await choose(page.locator("input[type=file]"), Object.values(await badFiles()));
  await entry(page, "text.png").getByText("这不是图片，或其类型不受支持。服务器说明：").waitFor();
  await entry(page, "empty.png").getByText("文件是空的。").waitFor();
  await entry(page, "large.png").getByText("文件超过了 21 MB 的上限。").waitFor();
  await show(page, "bad-labelling-chinese");
  await done(REFUSED);
});

test.each(WAYS)(
  "the drive takes every file that is %s but an empty one; the gallery says why not",
  async (how, give) => {
    const id = await folder(`Bad files ${how}`);
    const { page, done } = await visit();
    await signIn(page, lab.administrator, `/gallery/drive?folder=${id}`);
    await page.getByRole("heading", { name: "Drive", level: 1 }).waitFor();
    const bad = await badFiles();
    await give(page, [
      ...Object.values(bad),
      { name: "good.png", mimeType: "image/png", buffer: png(90, 60, 72 + how.length) },
    ]);
    const uploads = page.getByRole("region", { name: "Uploads" });
    await uploads
      .getByRole("listitem")
      .filter({ hasText: "empty.png" })
      .getByText("The file is empty.")
      .waitFor();
    await expect
      .poll(() => uploads.getByText("Uploaded", { exact: true }).count(), { timeout: 150_000 })
      .toBe(5);
    expect(
      Object.values((await folders())[id]?.files ?? {}).find((each) => each.file_name === "large.png"),
    ).toMatchObject({ file_size: bad.large.buffer.length });
    await page.getByRole("button", { name: "Cancel: empty.png" }).click();
    await page.getByLabel("Select all files").check();
    await page.getByRole("button", { name: "Add 5 files to a group" }).click();
    await page.getByLabel("Title of the new group").fill(`One of five ${how}`);
    await page.keyboard.press("Enter");
    await page.getByText("All is done.").waitFor();
    await page.getByText("4 could not be added").waitFor();
    const adding = page.getByRole("region", { name: "Pictures are being added" });
    for (const [name, said] of [
      ["text.png", /not a picture/],
      ["broken.dcm", /DICOM/],
      ["cut.dcm", /DICOM/],
      ["large.png", /larger than 21 MB, which is the most that is accepted/],
    ] as const)
      await adding.getByRole("listitem").filter({ hasText: name }).getByText(said).waitFor();
    await checkAccessibility(page);
    await show(page, `bad-drive-${how}`);
    await done(REFUSED);
  },
  SLOW,
);
