import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { file, folder, folders, picturesOf, png } from "./support/gallery";
import { asAdministrator, lab, show, signIn, visit } from "./support/lab";

let place: string;

const UNAUTHORIZED = "status of 401";
const NOT_FOUND = "status of 404";
const CUT = "net::ERR_";
const MARKUP = "<b>bold & 'quoted'</b>".replaceAll(/[<>/]/g, "_");
const ARABIC = "صور الصدر";

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "gallery-"));
});

afterAll(async () => {
  await rm(place, { recursive: true });
});

async function onDisk(name: string, data: Buffer): Promise<string> {
  const path = join(place, name);
  await writeFile(path, data);
  return path;
}

async function openDrive(page: Page, folderId = ""): Promise<void> {
  await signIn(page, lab.administrator, `/gallery/drive${folderId ? `?folder=${folderId}` : ""}`);
  await page.getByRole("heading", { name: "Drive", level: 1 }).waitFor();
}

function dialogOf(page: Page): Locator {
  return page.getByRole("dialog");
}

test("folders are made, renamed and deleted; the dialog says what goes", async () => {
  const { page, done } = await visit();
  await openDrive(page);
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("a:b");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("A name can't have : in it.").waitFor();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByLabel("Name").fill(ARABIC);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: ARABIC, level: 2 }).waitFor();
  const id = new URL(page.url()).searchParams.get("folder") ?? "";
  expect((await folders())[id]?.folder_name).toBe(ARABIC);

  await page.getByRole("button", { name: "Rename", exact: true }).click();
  await page.getByRole("dialog").getByLabel("Name").fill(MARKUP);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: MARKUP, level: 2 }).waitFor();
  await file(id, `${"n".repeat(251)}.png`, png(40, 30, 1));
  await page.reload();
  await page.getByText("nnnn").first().waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-drive");
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("1 file of").waitFor();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Choose a folder").waitFor();
  expect((await folders())[id]).toBeUndefined();
  await done([UNAUTHORIZED, "status of 409"]);
});

test("an upload that is cut goes on after a reload, and every byte arrives", async () => {
  const data = png(1900, 1300, 9);
  expect(data.length).toBeGreaterThan(4_000_000);
  const path = await onDisk("cut.png", data);
  const id = await folder("Cut");
  const { page, done } = await visit();
  await openDrive(page, id);
  let chunks = 0;
  await page.route("**/image/upload-sessions/*", async (route) => {
    if (route.request().method() === "PUT" && ++chunks > 2) await route.abort("connectionreset");
    else await route.continue();
  });
  await page.locator("input[type=file]").setInputFiles(path);
  await page.getByText(/Cut at \d+/).waitFor({ timeout: 40_000 });
  await checkAccessibility(page);
  await show(page, "gallery-upload-cut");
  expect(Object.keys((await folders())[id]?.files ?? {})).toEqual([]);

  await page.unroute("**/image/upload-sessions/*");
  await page.reload();
  await page.getByRole("heading", { name: "Cut", level: 2 }).waitFor();
  const ranges: string[] = [];
  page.on("request", (request) => {
    const range = request.headers()["content-range"];
    if (range) ranges.push(range);
  });
  await page.locator("input[type=file]").setInputFiles(path);
  await page.getByText("Uploaded", { exact: true }).waitFor({ timeout: 40_000 });
  expect(ranges[0]).toMatch(/^bytes 2621440-/);
  const files = Object.values((await folders())[id]?.files ?? {});
  expect(files).toMatchObject([{ file_name: "cut.png", file_size: data.length }]);

  await page.getByLabel("Select all files").check();
  await page.getByRole("button", { name: "Add 1 file to a group" }).click();
  await page.getByLabel("Title of the new group").waitFor();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("All is done.").waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-added");
  const link = (await page.getByRole("link", { name: "Look at group" }).getAttribute("href")) ?? "";
  const [picture] = await picturesOf(Number(link.slice(link.lastIndexOf("/") + 1)));
  expect(picture?.sha256).toBe(createHash("sha256").update(data).digest("hex"));
  const original = await asAdministrator("GET", `/api/gallery/pictures/${picture?.id}/original`);
  expect(Buffer.from(await original.arrayBuffer()).equals(data)).toBe(true);

  // The same bytes once more, under another name: they are found before anything is sent.
  ranges.length = 0;
  await page.locator("input[type=file]").setInputFiles(await onDisk("again.png", data));
  await page.getByText("In the gallery already:").waitFor();
  expect(ranges).toEqual([]);
  await page.getByRole("button", { name: "Upload anyway" }).click();
  await page.getByText("Uploaded", { exact: true }).nth(1).waitFor({ timeout: 40_000 });
  await done([UNAUTHORIZED, CUT]);
});

test("the network goes and comes back; the upload goes on by itself", async () => {
  const data = png(2200, 1500, 10);
  const path = await onDisk("offline.png", data);
  const id = await folder("Offline");
  const { page, done } = await visit();
  await openDrive(page, id);
  const context = page.context();
  let cuts = 0;
  page.on("response", (answer) => {
    if (answer.status() === 202 && cuts === 0) void context.setOffline(true);
  });
  page.on("requestfailed", (request) => {
    if (request.url().includes("/image/upload-sessions/") && ++cuts === 1) void context.setOffline(false);
  });
  await page.locator("input[type=file]").setInputFiles(path);
  await page.getByText("Uploaded", { exact: true }).waitFor({ timeout: 40_000 });
  expect(cuts).toBeGreaterThan(0);
  const files = Object.values((await folders())[id]?.files ?? {});
  expect(files).toMatchObject([{ file_name: "offline.png", file_size: data.length }]);
  await done([UNAUTHORIZED, CUT]);
});

test("uploads go on while the reader is elsewhere, and the browser asks before they are lost", async () => {
  const names = ["first.png", "second.png", "third.png"];
  const paths = await Promise.all(names.map((name, at) => onDisk(name, png(90 + at, 70, 40 + at))));
  const id = await folder("Elsewhere");
  const { page, done } = await visit();
  await openDrive(page, id);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/image/upload-sessions/*", async (route) => {
    await held;
    await route.continue();
  });
  await page.locator("input[type=file]").setInputFiles(paths);
  await page.getByText("Waits", { exact: true }).first().waitFor();
  await page.getByRole("link", { name: "All groups" }).click();
  await page.getByRole("heading", { name: "Drive", level: 1 }).waitFor({ state: "detached" });

  const asked = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const question = await asked;
  expect(question.type()).toBe("beforeunload");
  await question.dismiss();

  release();
  await page.goBack();
  await expect.poll(() => page.getByText("Uploaded", { exact: true }).count(), { timeout: 40_000 }).toBe(3);
  const files = Object.values((await folders())[id]?.files ?? {});
  expect(files.map((each) => each.file_name).sort()).toEqual(names);
  await done([UNAUTHORIZED]);
});

test("a session that has ended on the server begins anew", async () => {
  const path = await onDisk("anew.png", png(300, 200, 11));
  const id = await folder("Anew");
  const { page, done } = await visit();
  await openDrive(page, id);
  await page.route("**/image/upload-sessions/*", (route) =>
    route.request().method() === "PUT" ? route.fulfill({ status: 507, json: {} }) : route.continue(),
  );
  await page.locator("input[type=file]").setInputFiles(path);
  await page.getByText("Not uploaded").waitFor();
  await page.unroute("**/image/upload-sessions/*");
  const kept = await page.evaluate(() => localStorage.getItem("lightbox.gallery.uploads") ?? "[]");
  const token = (JSON.parse(kept) as [string, { token: string }][])[0]?.[1].token ?? "";
  expect((await fetch(`${lab.url}/image/upload-sessions/${token}`, { method: "DELETE" })).status).toBe(204);
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("Uploaded", { exact: true }).waitFor();
  await done([UNAUTHORIZED, NOT_FOUND, "status of 507"]);
});

test("an empty file, and one that is no picture", async () => {
  const id = await folder("Bad files");
  const { page, done } = await visit();
  await openDrive(page, id);
  const empty = await onDisk("empty.png", Buffer.alloc(0));
  const text = await onDisk("text.png", Buffer.from("this is no picture"));
  const good = await onDisk("good.png", png(120, 80, 12));
  await page.locator("input[type=file]").setInputFiles([empty, text, good]);
  await page.getByText("The file is empty.").waitFor();
  await page.getByText("Uploaded", { exact: true }).nth(1).waitFor();
  await page.getByRole("button", { name: "Remove those that are done" }).click();
  await page.getByRole("button", { name: "Cancel: empty.png" }).click();
  await page.getByLabel("Select all files").check();
  await page.getByRole("button", { name: "Add 2 files to a group" }).click();
  await page.getByLabel("Title of the new group").fill("One of two");
  await page.keyboard.press("Enter");
  await page.getByText("All is done.").waitFor();
  await page.getByText("1 could not be added").waitFor();
  await page
    .getByRole("listitem")
    .filter({ hasText: "text.png: This is no picture, or of a kind that is not read." })
    .waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-added-with-errors");
  await page.getByRole("link", { name: "Look at group" }).click();
  await page.getByRole("heading", { name: "One of two", level: 1 }).waitFor();
  await page.goBack();
  await page.getByText("1 could not be added").waitFor(); // the address says it all
  await done([UNAUTHORIZED]);
});

test("adding is stopped, and what had been added stays", async () => {
  const id = await folder("Many files");
  const data = png(1500, 1000, 14);
  const count = 25;
  for (let number = 0; number < count; number++) await file(id, `many-${number}.png`, data);
  const { page, done } = await visit();
  await openDrive(page, id);
  await page.getByLabel("Select all files").check();
  await page.getByRole("button", { name: `Add ${count} files to a group` }).click();
  await dialogOf(page).getByLabel("Title of the new group").fill("Stopped");
  await page.keyboard.press("Enter");
  await page.getByText(/[1-9]\d* of 25 added/).waitFor();
  await page.getByRole("button", { name: "Stop adding" }).click();
  await page.getByText("Adding was stopped.").waitFor();
  const link = (await page.getByRole("link", { name: "Look at group" }).getAttribute("href")) ?? "";
  const stays = (await picturesOf(Number(link.slice(link.lastIndexOf("/") + 1)))).length;
  expect(stays).toBeGreaterThan(0);
  expect(stays).toBeLessThan(count);
  await done([UNAUTHORIZED]);
});

/** Adds a file that is no picture; the id of the addition. */
async function refusedAddition(id: string): Promise<number> {
  const bad = await file(id, "bad.png", Buffer.from("this is no picture"));
  const listed = {
    all_image_id: [{ file_id: bad.id, file_name: bad.name }],
    group: -1,
    folder_name: "Small",
  };
  await asAdministrator("POST", "/admin/add/image", { image_list: { [id]: listed } });
  const newest = await asAdministrator("GET", "/api/gallery/additions?limit=1");
  const { additions } = (await newest.json()) as { additions: { id: number }[] };
  return additions[0]?.id ?? 0;
}

test("the drive at 360 pixels, in Chinese and dark", async () => {
  const id = await folder("Small");
  await file(id, "small.png", png(40, 30, 13));
  const addition = await refusedAddition(id);
  const { page, done } = await visit({ width: 360, height: 640, locale: "zh-CN", dark: true });
  await page.goto(
    `${lab.url}/console/sign-in?to=${encodeURIComponent(`/gallery/drive?folder=${id}&addition=${addition}`)}`,
  );
  await page.getByLabel("用户名").fill(lab.administrator.username);
  await page.getByLabel("密码").fill(lab.administrator.password);
  await page.keyboard.press("Enter");
  await page.getByText("small.png").waitFor();
  await page.getByRole("listitem").filter({ hasText: "bad.png: 这不是图片，或其类型不受支持。" }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await show(page, "gallery-drive-chinese-dark-small");
  await done([UNAUTHORIZED]);
});
