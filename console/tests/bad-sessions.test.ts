import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { file, folder, folders, png } from "./support/gallery";
import { asAdministrator, lab, type Person, person, sample, show, signIn, visit } from "./support/lab";

const REFUSED = ["status of 401", "ERR_"];

/** Ends all sessions of somebody as they do it themselves, in another browser. */
async function revoke(who: Person): Promise<void> {
  const { page, done } = await visit();
  await signIn(page, who, "/account");
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await done(REFUSED);
}

/** Ends the session of an administrator's page from another one of theirs. */
async function revokeOne(page: Page): Promise<void> {
  const listed = await page.context().request.get(`${lab.url}/api/sessions?limit=1000`);
  const { sessions } = (await listed.json()) as { sessions: { id: string; current: boolean }[] };
  const own = sessions.find((each) => each.current);
  const ended = await asAdministrator("DELETE", `/api/sessions/${own?.id}`);
  expect(ended.ok, await ended.text()).toBe(true);
  await isOver(page);
}

/** Waits until the gateway has heard that the session of a page is over; auth-service, which has `/api/self`, knew before. */
async function isOver(page: Page): Promise<void> {
  const asked = async () => (await page.context().request.get(`${lab.url}/api/predictions?limit=1`)).status();
  await expect.poll(asked, { timeout: 20_000 }).toBe(401);
}

async function signInAgain(page: Page, who: Person): Promise<void> {
  const dialog = page.getByRole("dialog", { name: "Your session has ended" });
  await dialog.waitFor({ timeout: 20_000 });
  await checkAccessibility(page);
  await dialog.getByLabel("Password").fill(who.password);
  await dialog.getByRole("button", { name: "Sign in" }).click();
  await dialog.waitFor({ state: "detached" });
}

test("pictures that are being uploaded for labelling wait for the sign-in, and arrive", async () => {
  const who = lab.administrator;
  const { page, done } = await visit();
  await signIn(page, who, "/labelling/images");
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/api/uploads/medical-images", async (route) => {
    await held;
    await route.continue();
  });
  const files = [1, 2, 3].map((at) => ({
    name: `held-${at}.png`,
    mimeType: "image/png",
    buffer: png(90, 60, 80 + at),
  }));
  await page.locator("input[type=file]").setInputFiles(files);
  await page.getByText("held-1.png").waitFor();
  await revokeOne(page);
  release();
  await signInAgain(page, who);
  await expect.poll(() => page.getByText("Uploaded", { exact: true }).count()).toBe(3);
  expect(await page.getByRole("alert").count()).toBe(0);
  await done(REFUSED);
});

test("pictures that are being read wait for the sign-in, large ones too, and none has to be chosen again", async () => {
  const who = await person("doctor");
  const { page, done } = await visit();
  await signIn(page, who, "/reading");
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/api/predictions", async (route) => {
    if (route.request().method() !== "POST") return route.fallback();
    await held;
    return route.fallback();
  });
  const large = png(1900, 1300, 87);
  const names = ["large-1.png", "large-2.png", "small.png"];
  const files = names.map((name) => ({
    ...{ name, mimeType: "image/png" },
    buffer: name === "small.png" ? png(90, 60, 88) : large,
  }));
  await page.locator("input[type=file]").setInputFiles(files);
  await page.getByText("large-1.png").waitFor();
  await revoke(who);
  await isOver(page);
  release();
  await signInAgain(page, who);
  const sent = page.getByRole("list", { name: "What you have sent" });
  await expect.poll(() => sent.getByText(/Likeliest|No finding above/).count(), { timeout: 60_000 }).toBe(3);
  expect(await page.getByRole("alert").count()).toBe(0);
  await done(REFUSED);
});

test("an upload into the drive goes on while its session is revoked, and the next one waits", async () => {
  const who = lab.administrator;
  const id = await folder("Revoked");
  const [large, small] = [png(1900, 1300, 84), png(90, 60, 85)];
  const { page, done } = await visit();
  await signIn(page, who, `/gallery/drive?folder=${id}`);
  await page.getByRole("heading", { name: "Drive", level: 1 }).waitFor();
  let chunks = 0;
  await page.route("**/image/upload-sessions/*", async (route) => {
    if (route.request().method() === "PUT" && ++chunks === 2) await revokeOne(page);
    await route.continue();
  });
  await page.locator("input[type=file]").setInputFiles([
    { name: "large.png", mimeType: "image/png", buffer: large },
    { name: "small.png", mimeType: "image/png", buffer: small },
  ]);
  await signInAgain(page, who);
  await expect.poll(() => page.getByText("Uploaded", { exact: true }).count(), { timeout: 30_000 }).toBe(2);
  const files = Object.values((await folders())[id]?.files ?? {});
  expect(new Set(files.map((each) => each.file_size))).toEqual(new Set([large.length, small.length]));
  await done(REFUSED);
});

async function send(deviceId: string, timestamp: string): Promise<void> {
  const imageData = (await sample("normal.png")).toString("base64");
  const answer = await fetch(`${lab.url}/collections/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ deviceId, timestamp, imageData }),
  });
  expect(answer.ok).toBe(true);
}

test("a page that listens asks to sign in by itself, and misses no picture meanwhile", async () => {
  const who = await person("doctor");
  const { page, done } = await visit();
  await signIn(page, who, "/devices");
  await page.getByText("Connected: new pictures appear by themselves.").waitFor();
  await send("revoked-1", "2024-08-18T02:04:07Z");
  await page.getByRole("img", { name: /Picture of revoked-1/ }).waitFor();
  await revoke(who);
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor({ timeout: 30_000 });
  await show(page, "bad-session-events");
  await send("revoked-2", "2024-08-18T02:05:07Z");
  await signInAgain(page, who);
  await page.getByText("Connected: new pictures appear by themselves.").waitFor();
  await page.getByRole("img", { name: /Picture of revoked-2/ }).waitFor();
  await send("revoked-3", "2024-08-18T02:06:07Z");
  await page.getByRole("img", { name: /Picture of revoked-3/ }).waitFor();
  await done(REFUSED);
});

test("pictures that are being added are followed again after the sign-in", async () => {
  const who = lab.administrator;
  const id = await folder("Followed");
  await file(id, "followed.png", png(90, 60, 86));
  const { page, done } = await visit();
  await signIn(page, who, `/gallery/drive?folder=${id}`);
  await page.getByLabel("Select all files").check();
  await page.getByRole("button", { name: "Add 1 file to a group" }).click();
  await page.getByLabel("Title of the new group").fill("Followed");
  await page.route("**/api/gallery/additions/*/events", async (route) => {
    await page.context().clearCookies();
    await route.continue();
    await page.unroute("**/api/gallery/additions/*/events");
  });
  await page.keyboard.press("Enter");
  await signInAgain(page, who);
  await page.getByText("All is done.").waitFor();
  await done(REFUSED);
});

test("a 401 for what belongs to somebody else ends no session", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("expert"), "/labelling");
  let refused = 0;
  await page.route("**/api/images?*", (route) => {
    refused += 1;
    // TheYelda's contract, word for word.
    const headers = { "www-authenticate": "Bearer" };
    return route.fulfill({ status: 401, headers, json: { message: "用户无法访问其他用户的标注信息" } });
  });
  await page.getByRole("link", { name: "Pictures", exact: true }).click();
  await page.getByRole("alert").getByText("This belongs to somebody else").waitFor();
  expect(refused).toBe(2);
  expect(await page.getByRole("dialog").count()).toBe(0);
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  await done(REFUSED);
});

test("who does not sign in again is shown to the door, and nothing of the page is asked for any more", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("expert"), "/labelling");
  await page.getByRole("link", { name: "Pictures", exact: true }).waitFor();
  await page.context().clearCookies();
  await page.getByRole("link", { name: "Pictures", exact: true }).click();
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
  expect(page.url()).toBe(`${lab.url}/console/sign-in?to=/labelling/images`);
  await done(REFUSED);
});
