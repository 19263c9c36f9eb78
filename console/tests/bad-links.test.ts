import type { Page } from "playwright-core";
import type { RouteRecordRaw } from "vue-router";
import { expect, test } from "vitest";
import { lab, type Person, person, signIn, visit } from "./support/lab";

/** The table of every feature, so that a new page with a parameter is tried by itself. */
const tables = import.meta.glob<{ routes: RouteRecordRaw[] }>("../src/*/routes.ts", { eager: true });
const PATHS = Object.values(tables)
  .flatMap(({ routes }) => flat(routes))
  .filter((path) => path.includes(":"));

function flat(routes: readonly RouteRecordRaw[], base = ""): string[] {
  return routes.flatMap((route) => {
    const path = route.path.startsWith("/") ? route.path : `${base}/${route.path}`;
    return [path, ...flat(route.children ?? [], path)];
  });
}

/** What may stand in a link that is cut, made up or old: numbers that no row has, and what is no number. */
const GARBAGE = [
  "999999",
  "abc",
  "-1",
  "0",
  "1.5",
  "9223372036854775808",
  "%00",
  "%2e%2e%2f",
  "<img src=x>",
  "\u202e",
];

/** A whole sentence that the page shows: that there is nothing, or nothing for this reader. */
const SAID =
  /not there any more|nothing at this address|Nothing was found|not yours|no such|time is over|not approved|Only administrators/i;
const REFUSED = ["status of 400", "status of 401", "status of 403", "status of 404", "status of 422", "ERR_"];

test("there are pages with parameters", () => {
  expect(PATHS.length).toBeGreaterThan(7);
});

/** Goes to an address within the page, as the browser's own buttons do; such as the gateway gives no page for too. */
async function go(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    history.pushState({}, "", to);
    dispatchEvent(new PopStateEvent("popstate", { state: {} }));
  }, `/console${path}`);
}

async function sentence(page: Page): Promise<string> {
  return page.locator("main").innerText();
}

async function walk(who: Person): Promise<void> {
  const { page, done } = await visit();
  await signIn(page, who);
  const failures: string[] = [];
  for (const path of PATHS) {
    for (const garbage of GARBAGE) {
      const address = path.replaceAll(/:\w+(\([^)]*\))?[?*+]?/g, garbage);
      await go(page, "/account"); // a page of its own, so that nothing of the address before is there any more
      await page.getByRole("heading", { level: 1, name: "My account" }).waitFor();
      await go(page, address);
      await expect.poll(() => sentence(page), { message: `${who.username} at ${address}` }).toMatch(SAID);
      await page.getByRole("heading", { level: 1 }).first().waitFor();
      if ((await page.locator("main img[src=x]").count()) > 0) failures.push(address);
    }
  }
  expect(failures).toEqual([]);
  await done(REFUSED);
}

test("a doctor who follows a link to what is not there is told so", { timeout: 240_000 }, async () => {
  await walk(await person("doctor"));
});

test("so is an administrator", { timeout: 240_000 }, async () => {
  await walk(lab.administrator);
});

test("a link that is opened from outside gives the same page, in Chinese too", async () => {
  const { page, done } = await visit({ locale: "zh-CN" });
  await page.goto(`${lab.url}/console/sign-in?to=/labelling/images/0`);
  await page.getByLabel("用户名").fill(lab.administrator.username);
  await page.getByLabel("密码").fill(lab.administrator.password);
  await page.keyboard.press("Enter");
  await page.getByText("此地址没有内容，或您无权查看。").waitFor();
  for (const path of ["gallery/groups/999999", "gallery/pictures/999999", "labelling/assignments/999999"]) {
    await page.goto(`${lab.url}/console/${path}`);
    await page
      .getByText(/已不存在|没有此/)
      .first()
      .waitFor();
  }
  await done(REFUSED);
});
