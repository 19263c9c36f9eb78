import type { Locator, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { group, picturesOf, png } from "./support/gallery";
import { asAdministrator, lab, show, signIn, toast, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
const CHANGED = "status of 412";

beforeAll(async () => {});

interface Group {
  id: number;
  title: string | null;
  caption: string | null;
  parent: number | null;
  cover: number | null;
}

async function groups(): Promise<Group[]> {
  return (
    (await (await asAdministrator("GET", "/api/gallery/groups?limit=1000")).json()) as { groups: Group[] }
  ).groups;
}

async function groupOf(title: string): Promise<Group> {
  const found = (await groups()).find((each) => each.title === title);
  if (!found) throw new Error(`There is no group ${title}`);
  return found;
}

function dialog(page: Page): Locator {
  return page.getByRole("dialog");
}

async function manage(page: Page, id?: number): Promise<void> {
  await signIn(page, lab.administrator, `/gallery/manage${id === undefined ? "" : `/${id}`}`);
  await page.getByRole("heading", { level: 1 }).waitFor();
}

function names(page: Page): Promise<string[]> {
  return page.locator("li[data-row] bdi:first-of-type").allTextContents();
}

test("a group is made, named with markup, put in order by keyboard and by dragging, below another, and deleted", async () => {
  const { page, done } = await visit();
  await manage(page);
  for (const title of ["Apes", "<i>Bees</i>", "Cats"]) {
    await page.getByRole("button", { name: "New group" }).click();
    await dialog(page).getByLabel("Title").fill(title);
    if (title === "Cats") await checkAccessibility(page);
    await dialog(page).getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: title, level: 1 }).waitFor();
    await page.goBack();
    await page.getByRole("link", { name: title, exact: true }).waitFor();
  }
  await page.getByRole("button", { name: "Move up: Cats" }).focus();
  await page.keyboard.press("Enter");
  await page.getByText(/Cats is now at place/).waitFor({ state: "attached" });
  await page.keyboard.press("Enter");
  await expect.poll(async () => (await names(page)).slice(-3)).toEqual(["Cats", "Apes", "<i>Bees</i>"]);
  const order = async (): Promise<(string | null)[]> => (await groups()).slice(-3).map((each) => each.title);
  await expect.poll(order).toEqual(["Cats", "Apes", "<i>Bees</i>"]);
  const focused = await page.evaluate(() => document.activeElement?.getAttribute("aria-label"));
  expect(focused).toBe("Move up: Cats");

  const row = (title: string): Locator => page.locator("li[data-row]").filter({ hasText: title });
  await row("<i>Bees</i>").dragTo(row("Cats"), { targetPosition: { x: 100, y: 3 } });
  await expect.poll(order).toEqual(["<i>Bees</i>", "Cats", "Apes"]);
  await checkAccessibility(page);
  await show(page, "gallery-manage");

  const apes = await groupOf("Apes");
  await page.getByRole("link", { name: "Cats", exact: true }).click();
  await page.getByRole("heading", { name: "Cats", level: 1 }).waitFor();
  await page.getByRole("button", { name: "Edit" }).click();
  await dialog(page).getByLabel("Group above").selectOption({ label: "Apes" });
  await dialog(page).getByLabel("Caption").fill("Two\nlines");
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await toast(page, "It is saved.").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  expect(await groupOf("Cats")).toMatchObject({ parent: apes.id, caption: "Two\nlines" });
  await checkAccessibility(page);

  await page.getByRole("button", { name: "Delete the group" }).click();
  await dialog(page).getByText("This can't be undone.").waitFor();
  await checkAccessibility(page);
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "Manage the gallery" }).waitFor();
  expect((await groups()).map((each) => each.title)).not.toContain("Cats");
  await done([UNAUTHORIZED]);
});

test("pictures are put in order, described, made the cover, moved and deleted", async () => {
  const files = ["one.png", "two.png", "three.png"].map((name, at) => ({
    name,
    data: png(120 + at, 90, 20 + at),
  }));
  const made = await group({ title: "In order" }, files);
  const other = await group({ title: "Somewhere else" }, []);
  const { page, done } = await visit();
  await manage(page, made.id);
  await page.getByRole("link", { name: "three.png" }).waitFor();
  await page.getByRole("button", { name: "Move down: one.png" }).focus();
  await page.keyboard.press("Enter");
  const order = async (): Promise<string[]> => (await picturesOf(made.id)).map((each) => each.name);
  await expect.poll(order).toEqual(["two.png", "one.png", "three.png"]);

  await page.getByRole("button", { name: "Use as cover: three.png" }).click();
  await toast(page, "The cover is another one now.").waitFor();
  await page.getByRole("button", { name: "Close" }).click();
  expect((await groupOf("In order")).cover).toBe(made.pictures[2]);

  await page.getByLabel("Select three.png").check();
  await page.getByRole("button", { name: "Edit: one.png" }).click();
  await dialog(page).getByLabel("Title").fill("The <first>");
  await dialog(page).getByLabel("Tags").fill("hand, x".padEnd(120, "x"));
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await dialog(page)
    .getByText(/at most 100|100 characters/)
    .first()
    .waitFor();
  await checkAccessibility(page);
  await dialog(page).getByLabel("Tags").fill("hand, wrist, HAND");
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await page.getByRole("link", { name: "The <first>" }).waitFor();
  await page.getByText("hand · wrist").waitFor();
  expect(await page.getByLabel("Select three.png").isChecked()).toBe(true);
  await page.getByLabel("Select three.png").uncheck();
  await checkAccessibility(page);
  await show(page, "gallery-manage-group");

  await page.getByLabel("Select two.png").check();
  await page.getByRole("button", { name: "Move to another group" }).click();
  await dialog(page).getByRole("button", { name: "Move" }).click();
  await dialog(page).getByRole("alert").waitFor();
  await dialog(page).getByLabel("Choose a group").selectOption({ label: "Somewhere else" });
  await checkAccessibility(page);
  await dialog(page).getByRole("button", { name: "Move" }).click();
  await expect.poll(async () => (await picturesOf(other.id)).map((each) => each.name)).toEqual(["two.png"]);
  await page.getByRole("heading", { name: "2 pictures" }).waitFor();
  await page.getByLabel("Select three.png").check();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await dialog(page).getByText("Delete 1 picture?").waitFor();
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await expect.poll(order).toEqual(["one.png"]);

  await page.getByRole("button", { name: "Merge into another group" }).click();
  await dialog(page).getByLabel("Into which group?").selectOption({ label: "Somewhere else" });
  await dialog(page).getByRole("button", { name: "Merge", exact: true }).click();
  await page.getByRole("heading", { name: "Somewhere else", level: 1 }).waitFor();
  expect((await picturesOf(other.id)).map((each) => each.name)).toEqual(["two.png", "one.png"]);
  await page.getByRole("button", { name: "Delete the group" }).click();
  await dialog(page).getByText("All of its 2 pictures are deleted as well.").waitFor();
  await dialog(page).getByRole("button", { name: "Delete it with its pictures" }).click();
  await page.getByRole("heading", { name: "Manage the gallery" }).waitFor();
  expect((await groups()).some((each) => each.id === other.id)).toBe(false);
  await done([UNAUTHORIZED, "status of 422"]);
});

test("what somebody else has changed meanwhile is shown, and not overwritten", async () => {
  const made = await group({ title: "Both", caption: "As it was" }, []);
  const { page, done } = await visit();
  await manage(page, made.id);
  const path = `/api/gallery/groups/${made.id}`;
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  await expect.poll(() => dialog(page).getByLabel("Title").inputValue()).toBe("Both");
  await dialog(page).getByLabel("Title").fill("Mine");
  await asAdministrator("PATCH", path, { title: "Of the other one" });
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await dialog(page).getByText("Somebody else has changed this meanwhile.").waitFor();
  await dialog(page).getByText("Of the other one").waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-conflict");
  expect((await groupOf("Of the other one")).id).toBe(made.id);
  await dialog(page).getByRole("button", { name: "Take theirs" }).click();
  expect(await dialog(page).getByLabel("Title").inputValue()).toBe("Of the other one");
  await dialog(page).getByLabel("Title").fill("Mine");
  await asAdministrator("PATCH", path, { title: "Once more" });
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await dialog(page).getByText("Once more").waitFor();
  await dialog(page).getByRole("button", { name: "Save mine" }).click();
  await page.getByRole("heading", { name: "Mine", level: 1 }).waitFor();

  await page.getByRole("button", { name: "Delete the group" }).click();
  await asAdministrator("PATCH", path, { caption: "New" });
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByText("It was not deleted").waitFor();
  expect((await groupOf("Mine")).caption).toBe("New");
  await done([UNAUTHORIZED, CHANGED]);
});

test("duplicates are shown, and one of them deleted", async () => {
  const data = png(320, 240, 40);
  const first = await group({ title: "First" }, [{ name: "copy-a.png", data }]);
  await group({ title: "Second" }, [{ name: "copy-b.png", data }]);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/gallery/duplicates?kind=exact");
  await page.getByText("copy-a.png").waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-duplicates");
  await page.getByRole("button", { name: "Delete: copy-a.png" }).click();
  await dialog(page).getByRole("button", { name: "Delete" }).click();
  await page.getByText("copy-a.png").waitFor({ state: "detached" });
  expect(await picturesOf(first.id)).toEqual([]);
  await page.getByRole("link", { name: "Look the same" }).click();
  await expect.poll(() => page.url()).toContain("kind=near");
  await done([UNAUTHORIZED]);
});

test("the management at 360 pixels, in Chinese and dark", async () => {
  const made = await group({ title: "صور ".repeat(70).trim() }, [
    { name: `${"n".repeat(251)}.png`, data: png(50, 40, 50) },
  ]);
  const { page, done } = await visit({ width: 360, height: 640, locale: "zh-CN", dark: true });
  await page.goto(`${lab.url}/console/sign-in?to=/gallery/manage/${made.id}`);
  await page.getByLabel("用户名").fill(lab.administrator.username);
  await page.getByLabel("密码").fill(lab.administrator.password);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "编辑: nnnn" }).waitFor();
  const fits = async (): Promise<void> =>
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await fits();
  await checkAccessibility(page);
  await show(page, "gallery-manage-group-chinese-dark-small");
  for (const path of ["manage", "duplicates"]) {
    await page.goto(`${lab.url}/console/gallery/${path}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await fits();
    await checkAccessibility(page);
  }
  await done([UNAUTHORIZED]);
});
