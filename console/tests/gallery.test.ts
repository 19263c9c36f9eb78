import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { group, png, share } from "./support/gallery";
import { asAdministrator, lab, person, show, visit } from "./support/lab";

let hands: { id: number; pictures: number[] };
let left: { id: number; pictures: number[] };

const UNAUTHORIZED = "status of 401";
const FORBIDDEN = "status of 403";
const NOT_FOUND = "status of 404";
const MARKUP = '<img src=x onerror=alert(1)> & "quotes"';
const ARABIC = "صورة اليد اليمنى";
const LONG = "Long ".repeat(60).trim();

beforeAll(async () => {
  hands = await group({ title: MARKUP, caption: ARABIC }, [
    { name: "wide.png", data: png(2400, 1400, 1) },
    { name: `${ARABIC}.png`, data: png(600, 900, 2) },
    { name: `${"n".repeat(251)}.png`, data: png(800, 800, 3) },
  ]);
  left = await group({ title: LONG, parent: hands.id }, [{ name: "left.png", data: png(700, 500, 4) }]);
  await group({ title: "Without pictures" }, []);
  // Other tests have filled the gallery, and a page shows only the first groups.
  const answer = await asAdministrator("GET", "/api/gallery/groups?limit=1");
  const [first] = ((await answer.json()) as { groups: { id: number }[] }).groups;
  if (first && first.id !== hands.id)
    await asAdministrator("PUT", `/api/gallery/groups/${hands.id}/position`, { before: first.id });
  await asAdministrator("PATCH", `/api/gallery/pictures/${hands.pictures[0]}`, {
    title: "The wide one",
    caption: "A caption\nof two lines",
    tags: ["Bone", "<b>x</b>"],
  });
}, 120_000);

async function fits(page: Page, width: number): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
}

test("a stranger looks at groups, a group and a picture, and finds pictures", async () => {
  const { page, done } = await visit();
  await page.goto(`${lab.url}/console/gallery`);
  await page.getByRole("heading", { name: "Gallery", level: 1 }).waitFor();
  const card = page.locator(`a[href$="/gallery/groups/${hands.id}"]`);
  expect(await card.textContent()).toContain(MARKUP);
  await card.waitFor();
  expect(await card.textContent()).toContain("3 pictures");
  expect(await card.textContent()).toContain("1 group below");
  expect(await page.getByText("Without pictures").count()).toBe(0);
  await page.locator(".thumbnail img.loaded").first().waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-groups");

  await card.click();
  await page.getByRole("heading", { name: "Groups below this one" }).waitFor();
  await expect.poll(() => page.locator(".pictures img.loaded").count()).toBe(3);
  await checkAccessibility(page);
  await show(page, "gallery-group");

  await page.getByRole("link", { name: "The wide one" }).click();
  await page.getByRole("heading", { name: "The wide one", level: 1 }).waitFor();
  await page.getByText("A caption").waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toBe("wide.png");

  await page.getByRole("link", { name: "Bone" }).click();
  await page.getByRole("heading", { name: "Search", level: 1 }).waitFor();
  await expect.poll(() => new URL(page.url()).searchParams.get("tag")).toBe("Bone");
  await expect.poll(() => page.locator(".pictures li").count()).toBe(1);
  await page.getByLabel("Tag").fill("");
  await page.getByLabel("Text").fill(ARABIC);
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("heading", { name: "Groups", level: 2 }).waitFor();
  await expect.poll(() => page.locator(".pictures li").count()).toBe(1);
  await checkAccessibility(page);
  await show(page, "gallery-search");
  await page.getByLabel("Text").fill("nothing has this name");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("Nothing was found.").waitFor();
  await page.getByLabel("Text").fill("");
  await page.getByLabel("Added from").fill("2020-02-02");
  await page.getByLabel("Added until").fill("2020-01-01");
  await page.getByText("The second day is before the first.").waitFor();
  await page.getByLabel("Added until").fill("2020-03-03");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByText("Nothing was found.").waitFor();
  await done([UNAUTHORIZED]);
});

test("a day that is searched is the reader's own, which is another one than in UTC", async () => {
  const now = new Date();
  const hours = now.getUTCHours() < 12 ? -12 : 14;
  const zone = hours < 0 ? "Etc/GMT+12" : "Etc/GMT-14"; // POSIX counts them the other way round
  const day = new Date(now.getTime() + hours * 3_600_000).toISOString().slice(0, 10);
  const { page, done } = await visit({ zone });
  await page.goto(`${lab.url}/console/gallery/search?from=${day}&to=${day}`);
  await page.locator(".pictures li").first().waitFor();
  await page.goto(`${lab.url}/console/gallery/search?to=2020-01-01`);
  await page.getByText("Nothing was found.").waitFor();
  await done([UNAUTHORIZED]);
});

/** Whether something other than the background is drawn into the canvas of the viewer. */
function drawn(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const canvas = document.querySelector<HTMLCanvasElement>(".tiles canvas");
    const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
    let coloured = 0;
    for (let at = 0; at < pixels.length; at += 4) if ((pixels[at + 3] ?? 0) > 0) coloured++;
    return pixels.length > 0 && coloured > pixels.length / 4 / 10;
  });
}

test("a picture full screen: tiles, zoom, neighbours by keyboard, Escape", async () => {
  const { page, done } = await visit();
  const tiles: string[] = [];
  page.on("response", (answer) => {
    if (/\/iiif\/3\/\d+\/.*\.(?:jpg|webp|png)$/.test(answer.url()) && answer.ok()) tiles.push(answer.url());
  });
  await page.goto(`${lab.url}/console/gallery/groups/${hands.id}`);
  await page.getByRole("link", { name: "The wide one" }).click();
  await expect.poll(() => drawn(page)).toBe(true);
  expect(tiles.length).toBeGreaterThan(0);
  await checkAccessibility(page);
  await show(page, "gallery-picture");
  const before = tiles.length;
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  await expect.poll(() => tiles.length).toBeGreaterThan(before);
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("0");
  await page.getByRole("checkbox", { name: /^Keys without Ctrl/ }).uncheck();
  expect(await zoomedBy(page, "+")).toBe(false);
  await page.getByRole("checkbox", { name: /^Keys without Ctrl/ }).check();
  expect(await zoomedBy(page, "+")).toBe(true);
  expect(await page.getByRole("button", { name: "Previous picture" }).count()).toBe(0);
  await page.keyboard.press("ArrowRight");
  await page.getByRole("heading", { name: `${ARABIC}.png` }).waitFor();
  await expect.poll(() => page.url()).toContain(`/gallery/pictures/${hands.pictures[1]}`);
  await expect.poll(() => drawn(page)).toBe(true);
  await page.keyboard.press("ArrowRight");
  await page.getByRole("heading", { name: "nnnn" }).waitFor();
  expect(await page.getByRole("button", { name: "Next picture" }).count()).toBe(0);
  await page.keyboard.press("ArrowLeft");
  await page.getByRole("heading", { name: `${ARABIC}.png` }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Groups below this one" }).waitFor();
  await expect.poll(() => page.url()).toContain(`/gallery/groups/${hands.id}`);

  await page.goto(`${lab.url}/console/gallery/pictures/${left.pictures[0]}`);
  await page.getByRole("heading", { name: "left.png" }).waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.url()).toContain(`/gallery/groups/${left.id}`);
  await page.getByRole("link", { name: "Up to the group above" }).click();
  await page.getByRole("heading", { name: MARKUP, level: 1 }).waitFor();
  await done([UNAUTHORIZED]);
});

/** Whether a key changes what the viewer draws, in the time that a zoom takes. */
async function zoomedBy(page: Page, key: string): Promise<boolean> {
  const canvas = page.locator(".tiles canvas").first();
  const before = await settled();
  await page.keyboard.press(key);
  return (await settled()) !== before;

  async function settled(): Promise<string> {
    let last = "";
    await expect
      .poll(
        async () => {
          const now = await canvas.evaluate((each: HTMLCanvasElement) => each.toDataURL());
          const same = now === last;
          last = now;
          return same;
        },
        { interval: 700, timeout: 20_000 },
      )
      .toBe(true);
    return last;
  }
}

test("what is gone is said to be gone", async () => {
  const { page, done } = await visit();
  for (const [path, said] of [
    ["groups/999999", "There is no such group any more."],
    ["pictures/999999", "There is no such picture any more."],
  ]) {
    await page.goto(`${lab.url}/console/gallery/${path}`);
    await page.getByText(said ?? "").waitFor();
    await checkAccessibility(page);
  }
  await page.goto(`${lab.url}/console/gallery/shared/nothing`);
  await page.getByText("its time is over").waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED, NOT_FOUND]);
});

test("where tiles can't be had, the picture is shown in one piece", async () => {
  const { page, done } = await visit();
  await page.route("**/iiif/**", (route) => route.abort());
  await page.goto(`${lab.url}/console/gallery/pictures/${left.pictures[0]}`);
  await page.getByText("The picture can't be shown in tiles.").waitFor();
  const whole = page.getByRole("img", { name: "left.png" });
  await expect.poll(() => whole.evaluate((each) => (each as HTMLImageElement).naturalWidth)).toBe(700);
  await checkAccessibility(page);
  await done([UNAUTHORIZED, "net::ERR_FAILED"]);
});

test("a stranger to whom the gallery is closed is sent to the sign-in, and comes back", async () => {
  const { page, done } = await visit();
  // What the server answers where LIGHTBOX_GALLERY_VISIBILITY is "accounts": the setting is one of the whole platform.
  await page.route("**/image/groups?*", async (route) => {
    const isSignedIn = (await route.request().allHeaders()).cookie?.includes("session");
    if (isSignedIn) await route.continue();
    else await route.fulfill({ status: 401, json: { detail: "Sign in." } });
  });
  await page.goto(`${lab.url}/console/gallery`);
  await expect.poll(() => page.url()).toContain("/console/sign-in?to=/gallery");
  const doctor = await person("doctor");
  await page.getByLabel("User name").fill(doctor.username);
  await page.getByLabel("Password").fill(doctor.password);
  await page.keyboard.press("Enter");
  await page.locator("a.group").first().waitFor();
  expect(await page.getByRole("link", { name: "Drive" }).count()).toBe(0);
  await done([UNAUTHORIZED]);
});

test("a shared link with a password", async () => {
  const address = await share(hands.id, { password: "correct horse", with_subgroups: true });
  const { page, done } = await visit();
  await page.goto(address);
  await page.getByRole("heading", { name: "This link has a password" }).waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-shared-locked");
  await page.getByLabel("Password").fill("wrong house");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("The password is wrong.").waitFor();
  await page.getByLabel("Password").fill("correct horse");
  await page.keyboard.press("Enter");
  await page.getByText("This link works until").waitFor();
  await expect.poll(() => page.locator(".pictures img.loaded").count()).toBe(3);
  await checkAccessibility(page);
  await show(page, "gallery-shared");
  await page.getByRole("link", { name: "The wide one" }).click();
  await expect.poll(() => drawn(page)).toBe(true);
  await page.keyboard.press("ArrowRight");
  await page.getByRole("heading", { name: `${ARABIC}.png` }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("link", { name: "Long Long" }).click();
  await expect.poll(() => page.locator(".pictures li").count()).toBe(1);
  await done([UNAUTHORIZED, FORBIDDEN]);
});

test("in Chinese, dark, at 360 pixels", async () => {
  const { page, done } = await visit({ width: 360, height: 640, locale: "zh-CN", dark: true });
  await page.goto(`${lab.url}/console/gallery`);
  await page.getByRole("heading", { name: "图库" }).waitFor();
  await page.locator(".thumbnail img.loaded").first().waitFor();
  await fits(page, 360);
  await checkAccessibility(page);
  await show(page, "gallery-groups-chinese-dark-small");
  await page.goto(`${lab.url}/console/gallery/groups/${hands.id}`);
  await page.getByRole("heading", { name: "下级分组" }).waitFor();
  await page.locator(".pictures img.loaded").first().waitFor();
  await fits(page, 360);
  await checkAccessibility(page);
  await show(page, "gallery-group-chinese-dark-small");
  await page.goto(`${lab.url}/console/gallery/pictures/${hands.pictures[2]}`);
  await expect.poll(() => drawn(page)).toBe(true);
  await fits(page, 360);
  await checkAccessibility(page);
  await show(page, "gallery-picture-chinese-dark-small");
  await page.goto(`${lab.url}/console/gallery/search?q=nnn`);
  await page.locator(".pictures img.loaded").first().waitFor();
  await fits(page, 360);
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
});
