import type { Page, Route } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { png } from "./support/gallery";
import { lab, person, show, signIn, visit } from "./support/lab";

const BROKEN = ["status of ", "ERR_"];
const HTML = { contentType: "text/html", body: "<html><h1>Nginx</h1></html>" };
const date = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString();

interface Case {
  what: string;
  give: (route: Route) => Promise<void>;
  en: string | RegExp;
  zh: string | RegExp;
  /** Whether uploads wait then, and go on by themselves. */
  holds?: true;
}

const refusing =
  (status: number, headers: Record<string, string> = {}) =>
  (route: Route) =>
    route.fulfill({ status, headers, ...HTML });
const cut = (reason: string) => (route: Route) => route.abort(reason);

/** What neither the platform nor a proxy before it can be brought to answer in a moment. */
const CASES: Case[] = [
  { what: "413", give: refusing(413), en: "The file is too large.", zh: "文件太大。" },
  {
    what: "429 in seconds",
    give: refusing(429, { "retry-after": "17" }),
    en: "Too many requests. Try again in 17 seconds.",
    zh: "请求过多。请在17秒钟后重试。",
    holds: true,
  },
  {
    what: "429 with a date",
    give: (route) =>
      route.fulfill({ status: 429, headers: { date: date(0), "retry-after": date(600) }, ...HTML }),
    en: "Too many requests. Try again in 10 minutes.",
    zh: "请求过多。请在10分钟后重试。",
    holds: true,
  },
  {
    what: "429",
    give: refusing(429),
    en: "Too many requests. Try again in a while.",
    zh: "请求过多。请稍后重试。",
    holds: true,
  },
  {
    what: "503 in seconds",
    give: refusing(503, { "retry-after": "5" }),
    en: "The server is busy, or is being restarted. Try again in 5 seconds.",
    zh: "服务器繁忙或正在重启。请在5秒钟后重试。",
    holds: true,
  },
  {
    what: "503",
    give: refusing(503),
    en: "The server is busy, or is being restarted.",
    zh: "服务器繁忙或正在重启。请稍后重试。",
    holds: true,
  },
  {
    what: "502",
    give: refusing(502),
    en: "The server is busy, or is being restarted.",
    zh: "服务器繁忙或正在重启。请稍后重试。",
  },
  {
    what: "504",
    give: refusing(504),
    en: "The server is busy, or is being restarted.",
    zh: "服务器繁忙或正在重启。请稍后重试。",
  },
  { what: "500", give: refusing(500), en: "The server failed.", zh: "服务器出错。" },
  {
    what: "a connection refused",
    give: cut("connectionrefused"),
    en: "can't be reached",
    zh: "无法连接服务器。",
    holds: true,
  },
  {
    what: "a connection reset",
    give: cut("connectionreset"),
    en: "can't be reached",
    zh: "无法连接服务器。",
    holds: true,
  },
  { what: "no JSON", give: refusing(200), en: "makes no sense to this page", zh: "无法理解服务器的响应" },
];

async function enter(page: Page, language: "en" | "zh", path: string): Promise<void> {
  await page.goto(`${lab.url}/console/sign-in?to=${path}`);
  await page.getByLabel(language === "en" ? "User name" : "用户名").fill(lab.administrator.username);
  await page.getByLabel(language === "en" ? "Password" : "密码").fill(lab.administrator.password);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation").first().waitFor();
}

test.each(["en", "zh"] as const)(
  "a page says in words what the server has answered: %s",
  async (language) => {
    const { page, done } = await visit({ locale: language === "en" ? "en-GB" : "zh-CN", width: 360 });
    await enter(page, language, "/administration/keys");
    for (const each of CASES) {
      await page.route("**/api/keys*", each.give);
      await page.reload();
      await page.getByRole("alert").getByText(each[language]).first().waitFor();
      await page.unroute("**/api/keys*");
    }
    await checkAccessibility(page);
    await show(page, `bad-answers-${language}`);
    await done(BROKEN);
  },
);

test.each(["en", "zh"] as const)(
  "a page that can't ask for the next picture does not say that there is none: %s",
  async (language) => {
    const { page, done } = await visit({ locale: language === "en" ? "en-GB" : "zh-CN", zone: "UTC" });
    await page.route("**/api/assignments/next", refusing(503, { "retry-after": "600" }));
    const before = Date.now();
    await enter(page, language, "/labelling");
    const said = { en: "Whether a picture waits for you is not known", zh: "暂时无法得知" };
    const status = page.getByRole("status").filter({ hasText: said[language] });
    await status.waitFor();
    const [hours = 0, minutes = 0, seconds = 0] = ((await status.textContent()) ?? "")
      .match(/\d+/g)
      ?.slice(-3)
      .map(Number) as number[];
    const again = ((hours * 60 + minutes) * 60 + seconds) * 1000;
    const pause = (again - (before % 86_400_000) + 86_400_000) % 86_400_000;
    expect(pause, "as long as the server asks").toBeGreaterThan(595_000);
    await checkAccessibility(page);
    await page.unroute("**/api/assignments/next");
    await page.getByRole("button", { name: { en: "Look now", zh: "立即查询" }[language] }).click();
    await page.getByRole("heading", { name: { en: "Nothing to do", zh: "暂无任务" }[language] }).waitFor();
    await done(BROKEN);
  },
);

test.each(["en", "zh"] as const)("so does an upload: %s", async (language) => {
  const { page, done } = await visit({ locale: language === "en" ? "en-GB" : "zh-CN" });
  await enter(page, language, "/labelling/images");
  const field = page.locator("input[type=file]");
  for (const [at, each] of CASES.entries()) {
    await page.route("**/api/uploads/medical-images", each.give);
    const name = `answer-${at}.png`;
    await field.setInputFiles({ name, mimeType: "image/png", buffer: png(60, 40, 90) });
    const entry = page.getByRole("listitem").filter({ hasText: name });
    const place = each.holds ? page.getByRole("status") : entry.getByRole("alert");
    await place.getByText(each[language]).waitFor();
    await page.unroute("**/api/uploads/medical-images");
    if (!each.holds) continue;
    const button = page.getByRole("button", { name: { en: "Try now", zh: "立即重试" }[language] });
    await button.click({ timeout: 5000 }).catch(() => undefined); // the pause may be over
    await entry.getByText({ en: "Uploaded", zh: "已上传" }[language], { exact: true }).waitFor();
  }
  await show(page, `bad-answers-upload-${language}`);
  await done(BROKEN);
});

test("an upload into the drive waits as long as the server asks if that is short, and says so if it is long", async () => {
  const { page, done } = await visit();
  await enter(page, "en", "/gallery/drive");
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Busy");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Busy", level: 2 }).waitFor();
  const asked: number[] = [];
  let wait = "1";
  await page.route("**/image/upload-sessions/*", async (route) => {
    if (route.request().method() !== "PUT") return route.continue();
    asked.push(Date.now());
    if (wait !== "1" || asked.length === 1)
      return route.fulfill({ status: 503, headers: { "retry-after": wait }, ...HTML });
    return route.continue();
  });
  const upload = (name: string, seed: number) =>
    page
      .locator("input[type=file]")
      .setInputFiles({ name, mimeType: "image/png", buffer: png(60, 40, seed) });
  await upload("short.png", 91);
  await page.getByText("Uploaded", { exact: true }).waitFor();
  expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(1000);
  wait = "120";
  await upload("long.png", 92);
  await page.getByText("The server is busy, or is being restarted. Try again in 2 minutes.").waitFor();
  expect(asked).toHaveLength(3);
  wait = "1";
  await page.getByRole("button", { name: "Try now" }).click();
  await expect.poll(() => page.getByText("Uploaded", { exact: true }).count()).toBe(2);
  await done(BROKEN);
});

test("a server that does not say who is signed in makes nobody a stranger", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/labelling/images");
  await expect.poll(() => new URL(page.url()).pathname).toBe("/console/labelling/images");
  await page.route("**/api/self", refusing(503, { "retry-after": "5" }));
  await page.reload();
  await page
    .getByRole("alert")
    .getByText("The server is busy, or is being restarted. Try again in 5 seconds.")
    .waitFor();
  await checkAccessibility(page);
  await show(page, "bad-answers-start");
  await page.unroute("**/api/self");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  await expect.poll(() => new URL(page.url()).pathname).toBe("/console/labelling/images");
  await expect.poll(() => page.getByRole("alert").count()).toBe(0);
  await done(BROKEN);
});

test("a page that can't be loaded says so, and the one before stays", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/reading");
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.route("**/assets/*", cut("connectionrefused"));
  await page.getByRole("link", { name: "Devices", exact: true }).click();
  await page.getByRole("alert").getByText("This page can't be loaded.").waitFor();
  expect(new URL(page.url()).pathname).toBe("/console/reading");
  await checkAccessibility(page);
  await show(page, "bad-answers-part");
  await page.unroute("**/assets/*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Connected: new pictures appear by themselves.").waitFor();
  await done([...BROKEN, "dynamically imported module", "preload CSS"]);
});
