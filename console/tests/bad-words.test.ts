import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { badFiles, choose, removeChosen } from "./support/bad-files";
import { folder } from "./support/gallery";
import { asAdministrator, lab, person, type Person, show, visit } from "./support/lab";

const REFUSED = ["status of 400", "status of 401", "status of 409", "status of 413", "status of 422"];
let somebody: Person;

beforeAll(async () => {
  somebody = await person("doctor");
});
afterAll(removeChosen);

async function enter(page: Page, who: Person, to: string): Promise<void> {
  await page.goto(`${lab.url}/console/sign-in?to=${to}`);
  await page.getByLabel("用户名").fill(who.username);
  await page.getByLabel("密码").fill(who.password);
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname.endsWith(to));
}

/** What alerts say, without what is marked to be of another language. */
async function unmarked(page: Page): Promise<string[]> {
  return page.getByRole("alert").evaluateAll((alerts) =>
    alerts.map((each) => {
      const copy = each.cloneNode(true) as Element;
      for (const other of copy.querySelectorAll("[lang=en]")) other.remove();
      return copy.textContent ?? "";
    }),
  );
}

test("a username that can't be one is refused in Chinese", async () => {
  const { page, done } = await visit({ locale: "zh-CN" });
  await page.goto(`${lab.url}/console/sign-up`);
  for (const [name, said] of [
    [somebody.username, "此用户名已被使用，请换一个。"],
    ["a b", "用户名只能包含字母、数字和 @ . + - _。"],
  ] as const) {
    await page.getByLabel("用户名").fill(name);
    await page.getByLabel("密码", { exact: true }).fill("correct-horse");
    await page.getByLabel("再次输入密码").fill("correct-horse");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText(said, { exact: true }).waitFor();
    expect((await unmarked(page)).join("")).toMatch(/^[^a-z]*$/i);
  }
  await checkAccessibility(page);
  await show(page, "bad-words-username");
  await done(REFUSED);
});

test("files that are no pictures are refused in Chinese, with what only the server says marked as English", async () => {
  const { page, done } = await visit({ locale: "zh-CN" });
  await enter(page, lab.administrator, "/labelling/images");
  await choose(page.locator("input[type=file]"), Object.values(await badFiles()));
  const alert = (name: string) => page.getByRole("listitem").filter({ hasText: name }).getByRole("alert");
  await alert("empty.png").getByText("文件是空的。", { exact: true }).waitFor();
  await alert("large.png")
    .getByText("文件超过了 20 MB 的上限。")
    .or(alert("large.png").getByText("文件超过了 21 MB 的上限。"))
    .waitFor();
  await alert("text.png").getByText("这不是图片，或其类型不受支持。服务器说明：").waitFor();
  const english = alert("broken.dcm").locator("[lang=en]");
  expect(await english.textContent()).toMatch(/^The DICOM file has no pixels/);
  for (const each of await unmarked(page)) expect(each).not.toMatch(/\b(the|file|picture)\b/i);
  await checkAccessibility(page);
  await done(REFUSED);
});

test("names of the drive are refused in Chinese", async () => {
  const taken = `taken-${Date.now()}`;
  await folder(taken);
  const id = await folder(`${taken}-2`);
  const { page, done } = await visit({ locale: "zh-CN" });
  await enter(page, lab.administrator, "/gallery/drive");
  await page.goto(`${lab.url}/console/gallery/drive?folder=${id}`);
  await page.getByRole("button", { name: "重命名" }).first().click();
  const field = page.getByRole("dialog").getByRole("textbox");
  await field.fill(taken);
  await page.keyboard.press("Enter");
  await page.getByText("此名称已被使用，请换一个。", { exact: true }).waitFor();
  await field.fill("a?b");
  await page.keyboard.press("Enter");
  await page.getByText("文件和文件夹不能使用此名称。服务器说明：").waitFor();
  expect(await page.getByRole("dialog").locator("[lang=en]").textContent()).toContain("?");
  await checkAccessibility(page);
  await done(REFUSED);
});

test("counts are written as the reader writes them", async () => {
  const { page, done } = await visit({ locale: "zh-CN" });
  await enter(page, lab.administrator, "/labelling/images");
  const listed = (await (await asAdministrator("GET", "/api/images?limit=1")).json()) as object;
  await page.route("**/api/images?*", (route) => route.fulfill({ json: { ...listed, total: 1234567 } }));
  await page.reload();
  await page.getByText("1,234,567").first().waitFor();
  await done(REFUSED);
});
