import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, person, sample, show, signIn, toast, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
/** How long a page may take to show something while all cores are busy. */
const BUSY_MILLISECONDS = 60_000;

test("accounts are found, approved and deleted", async () => {
  const name = "<i>clara</i> صورة اليد";
  const made = await fetch(`${lab.url}/api/accounts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "clara", password: "correct horse", nickname: name }),
  });
  expect(made.status).toBe(201);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/administration");
  await page.getByLabel("Whole user name").fill("clara");
  await page.getByRole("button", { name: "Search" }).click();
  await expect.poll(() => page.getByRole("row").count()).toBe(2); // the head, and the account that was found
  const tops = ["Approve as doctor: clara", "Delete: clara"].map(async (name) => {
    const box = await page.getByRole("button", { name }).boundingBox();
    return box?.y;
  });
  const [first, second] = await Promise.all(tops);
  expect(first).toBe(second); // in one line
  await page.getByRole("button", { name: "Approve as doctor: clara" }).click();
  await toast(page, "clara is doctor now.").waitFor();
  await checkAccessibility(page);
  await show(page, "administration-accounts");
  await expect.poll(() => page.getByLabel("Authority of clara").inputValue()).toBe("102");
  await page.getByRole("button", { name: "Delete: clara" }).click();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Nothing was found.").waitFor();
  await expect.poll(() => new URL(page.url()).search).toBe("?name=clara");
  await done([UNAUTHORIZED]);
});

test("an authority is chosen by key and then saved; what is refused is not shown as if it held", async () => {
  const { username } = await person("guest");
  const { page, done } = await visit();
  let saved = 0;
  page.on("request", (request) => (saved += request.method() === "PUT" ? 1 : 0));
  await signIn(page, lab.administrator, `/administration?name=${username}`);
  const choice = page.getByLabel(`Authority of ${username}`, { exact: true });
  await choice.focus();
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  expect(await choice.inputValue()).toBe("100");
  await page.keyboard.press("ArrowDown");
  expect(await choice.inputValue()).toBe("102"); // never the administrator, which the server refuses
  expect(saved).toBe(0);
  await checkAccessibility(page);

  await page.route("**/api/accounts/*", async (route) => {
    if (route.request().method() !== "PUT") return route.fallback();
    await route.fulfill({ status: 401, json: { message: "用户无法修改权限" } });
  });
  const save = page.getByRole("button", { name: `Save the authority of ${username}` });
  await save.click();
  await toast(page, "This did not work. The server says: 用户无法修改权限").waitFor();
  await expect.poll(() => choice.inputValue()).toBe("103");
  await page.unroute("**/api/accounts/*");

  await page.route("**/api/accounts/*", async (route) => {
    if (route.request().method() !== "PUT") return route.fallback();
    await route.fulfill({
      status: 401,
      json: { type: "/problems/own-authority", status: 401, detail: "管理员无法修改本账号权限" },
    });
  });
  await choice.selectOption("102");
  await save.click();
  await toast(page, "You can't change your own authority. Another administrator can.").waitFor();
  await expect.poll(() => choice.inputValue()).toBe("103");
  await page.unroute("**/api/accounts/*");

  await choice.selectOption("102");
  await save.click();
  await toast(page, `${username} is doctor now.`).waitFor();
  await expect.poll(() => save.count()).toBe(0);
  expect(await choice.evaluate((select) => select === document.activeElement)).toBe(true);
  await page.getByRole("link", { name: `API keys: ${username}` }).click();
  await page.getByText("This account has no keys.").waitFor();
  await done([UNAUTHORIZED]);
});

test("a time of the audit trail that is none is left out, and an actor counts once it is filtered by", async () => {
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/administration/audit?from=xyz&action=signed-in");
  await page.getByRole("cell", { name: "signed-in" }).first().waitFor();
  expect(await page.getByLabel("From").inputValue()).toBe("");
  await page.getByLabel("From").fill("2026-11-02T00:00");
  await page.getByRole("button", { name: "Filter" }).click();
  await expect.poll(() => new URL(page.url()).searchParams.get("from")).toBe("2026-11-01T23:00:00Z");
  await done([UNAUTHORIZED]);
});

test("the audit trail is filtered, and the address keeps the filter", async () => {
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/administration/audit?action=account-created");
  await page.getByRole("cell", { name: "account-created" }).first().waitFor();
  expect(await page.getByRole("cell", { name: "signed-in" }).count()).toBe(0);
  await checkAccessibility(page);
  await page.getByLabel("Action").selectOption("signed-in");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("cell", { name: "signed-in" }).first().waitFor();
  await show(page, "administration-audit");
  await page.goBack();
  await page.getByRole("cell", { name: "account-created" }).first().waitFor();
  await done([UNAUTHORIZED]);
});

test("the health of all services, and the models", async () => {
  const { page, done } = await visit({ width: 360, height: 700, dark: true });
  await signIn(page, lab.administrator, "/administration/health");
  await page.getByText("Everything is ready.").waitFor();
  await page.getByRole("row", { name: "inference-service ready" }).waitFor();
  await page.getByRole("link", { name: "Card" }).first().waitFor();
  await checkAccessibility(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await show(page, "administration-health");
  await done([UNAUTHORIZED]);
});

test("the health page says where the server takes another address for its own", async () => {
  const { page, done } = await visit({ width: 360, height: 700 });
  const metadata = page.waitForResponse("**/.well-known/openid-configuration");
  await signIn(page, lab.administrator, "/administration/health");
  await page.getByText("Everything is ready.").waitFor();
  await (await metadata).finished();
  await page.evaluate(() => new Promise((shown) => requestAnimationFrame(() => setTimeout(shown))));
  expect(await page.getByText("LIGHTBOX_PUBLIC_URL").count()).toBe(0);

  // What a server answers whose LIGHTBOX_PUBLIC_URL is that of another host.
  await page.route("**/.well-known/openid-configuration", async (route) => {
    const text = await (await route.fetch()).text();
    await route.fulfill({
      body: text.replaceAll(lab.url, "https://lab.example"),
      contentType: "application/json",
    });
  });
  await page.reload();
  await page.getByText("The server takes its address for https://lab.example, and this page is at").waitFor();
  await page.getByText(`set LIGHTBOX_PUBLIC_URL to it`).waitFor();
  await checkAccessibility(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await show(page, "administration-address");
  await done([UNAUTHORIZED]);
});

/** Has pictures read, so many at once, until `stop` says so; returns the statuses of the answers. */
async function keepBusy(atOnce: number, stop: () => boolean): Promise<Set<number>> {
  const picture = new Blob([new Uint8Array(await sample("pleural-effusion.dcm"))]);
  const statuses = new Set<number>();
  const one = async (): Promise<void> => {
    while (!stop()) {
      const form = new FormData();
      form.set("model", "chest-findings");
      form.set("file", picture, "x.dcm");
      statuses.add((await asAdministrator("POST", "/api/predictions", form)).status);
    }
  };
  await asAdministrator("GET", "/api/models/queue"); // signs in once, before all of them
  await Promise.all(Array.from({ length: atOnce }, one));
  return statuses;
}

test("the queue of the models while pictures wait in it", async () => {
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/administration/health");
  await page.getByRole("heading", { name: "Queue of the models", exact: true }).waitFor();
  await page
    .getByText(/^0 of \d+ places are taken\. .* A picture that comes now waits about 0 ms\.$/)
    .waitFor();
  const table = page.getByRole("group", { name: "Queue of the models", exact: true });
  const cells = table.getByRole("row", { name: /^chest-findings\/1/ }).getByRole("cell");
  const told = async (): Promise<number[]> =>
    (await cells.allInnerTexts()).map((text) => Number.parseFloat(text));
  let enough = false;
  const busy = keepBusy(90, () => enough);
  try {
    const taken = async (): Promise<number> => {
      const [, preparing = 0, waiting = 0, running = 0] = await told();
      return preparing + waiting + running;
    };
    await expect.poll(taken, { timeout: BUSY_MILLISECONDS }).toBeGreaterThan(0);
    await page
      .getByText(/^The queue is full: further pictures are refused until there is room\./)
      .waitFor({ timeout: BUSY_MILLISECONDS });
    await show(page, "administration-queue-full");
  } finally {
    enough = true;
  }
  expect([...(await busy)].sort()).toEqual([201, 503]);
  await page.getByText(/^0 of \d+ places are taken\./).waitFor({ timeout: BUSY_MILLISECONDS });
  const [, , waiting, running, , runs, refused] = await told();
  expect([waiting, running]).toEqual([0, 0]);
  expect(runs).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(0);
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
}, 180_000);

test("a health page that nobody sees asks for nothing, and for everything when it is seen again", async () => {
  const { page, done } = await visit();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const queues = (): number => asked.filter((path) => path === "/api/models/queue").length;
  await signIn(page, lab.administrator, "/administration/health");
  await expect.poll(queues, { timeout: 15_000 }).toBeGreaterThan(1);
  const see = (state: string): Promise<void> =>
    page.evaluate((shown) => {
      Object.defineProperty(document, "visibilityState", { value: shown, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await see("hidden");
  await page.waitForTimeout(500); // what was asked for already arrives
  const before = asked.length;
  await page.waitForTimeout(7000);
  expect(asked.length).toBe(before);
  await see("visible");
  await expect
    .poll(() => asked.slice(before))
    .toEqual(expect.arrayContaining(["/api/models/queue", "/readyz"]));
  await done([UNAUTHORIZED]);
});

test("keys of another account are in view, and nobody else sees the administration", async () => {
  const doctor = await person("doctor");
  const found = await asAdministrator("GET", `/api/accounts?username=${doctor.username}`);
  const { data } = (await found.json()) as { data: { account_id: number }[] };
  const { page, done } = await visit();
  await signIn(page, lab.administrator, `/administration/keys?account=${data[0]?.account_id}`);
  await page.getByText("This account has no keys.").waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
  const other = await visit();
  await signIn(other.page, doctor, "/administration/keys");
  await other.page.getByRole("heading", { name: "404" }).waitFor();
  expect(await other.page.getByRole("link", { name: "Administration" }).count()).toBe(0);
  await other.done([UNAUTHORIZED]);
});
