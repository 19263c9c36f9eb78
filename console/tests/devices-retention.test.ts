import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, person, sample, show, signIn, toast, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
const PRECONDITION_FAILED = "status of 412";
const WITHOUT_RULE =
  "Pictures that were sent without a credential are deleted after 7 days; the others are kept for ever.";
const FOREVER = "Everything is kept for ever.";

interface Limits {
  days: number | null;
  bytes: number | null;
}

/** Sends pictures of a device, a day apart from each other. */
async function send(deviceId: string, count: number): Promise<void> {
  const imageData = (await sample("normal.png")).toString("base64");
  for (let day = 1; day <= count; day++) {
    const answer = await fetch(`${lab.url}/collections/images`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ deviceId, timestamp: `2024-08-0${day}T12:00:00Z`, imageData }),
    });
    expect(answer.ok).toBe(true);
  }
}

function address(device: string | null): string {
  const query = new URLSearchParams(device === null ? {} : { deviceId: device });
  query.set("collection", "images");
  return `/api/devices/retention?${query}`;
}

async function rule(device: string | null): Promise<Limits | null> {
  const answer = await asAdministrator("GET", address(device));
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { rule: Limits | null }).rule;
}

async function setRule(device: string | null, limits: Limits | null): Promise<void> {
  const answer = await asAdministrator(limits ? "PUT" : "DELETE", address(device), limits ?? undefined);
  expect(answer.ok).toBe(true);
}

function pageOf(device: string): string {
  return `/devices/images/${encodeURIComponent(device)}`;
}

async function change(page: Page, kind: string, days = "", gigabytes = ""): Promise<void> {
  await page.getByRole("button", { name: "Change the retention", exact: true }).click();
  await page.getByLabel("Keep pictures", { exact: true }).selectOption({ label: kind });
  if (days) await page.getByLabel("Days", { exact: true }).fill(days);
  if (gigabytes) await page.getByLabel("Gigabytes of each device", { exact: true }).fill(gigabytes);
  await page.getByRole("button", { name: "Save", exact: true }).click();
}

test("a rule that deletes at once is confirmed after its preview; others are set as they are", async () => {
  const device = "camera <1>/صورة";
  await send(device, 3);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, pageOf(device));
  await page.getByText(WITHOUT_RULE, { exact: true }).waitFor();
  await page.getByText("There is no rule for it.", { exact: true }).waitFor();

  await change(page, "up to a limit", "30");
  await toast(page, "The retention is changed.").waitFor();
  await page.getByText("Pictures are kept for 30 days after they were received.", { exact: true }).waitFor();
  await page.getByText("This device has a rule of its own.", { exact: true }).waitFor();
  expect(await rule(device)).toEqual({ days: 30, bytes: null });
  await checkAccessibility(page);

  await change(page, "up to a limit", "", "0.0001");
  const confirm = page.getByRole("dialog", { name: "Delete 2 pictures?" });
  await confirm.waitFor();
  await confirm
    .getByText(
      /^This deletes 2 pictures \(141 kB\) of 1 device within the hour, for good\. The oldest was taken/,
    )
    .waitFor();
  await checkAccessibility(page);
  await show(page, "retention-confirm");
  await confirm.getByRole("button", { name: "Cancel", exact: true }).click();
  // What was typed is still there, and nothing has changed.
  await expect
    .poll(() => page.getByLabel("Gigabytes of each device", { exact: true }).inputValue())
    .toBe("0.0001");
  expect(await rule(device)).toEqual({ days: 30, bytes: null });
  await checkAccessibility(page);
  await show(page, "retention-dialog");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Save and delete", exact: true }).click();
  await page
    .getByText(
      "Pictures are kept for 30 days after they were received, of each device at most the newest 100 kB.",
    )
    .waitFor();
  expect(await rule(device)).toEqual({ days: 30, bytes: 100_000 });

  await change(page, "for ever");
  await page.getByText(FOREVER, { exact: true }).waitFor();
  expect(await rule(device)).toEqual({ days: null, bytes: null });
  await change(page, "as for all devices");
  await page.getByText("There is no rule for it.", { exact: true }).waitFor();
  expect(await rule(device)).toBeNull();
  await show(page, "retention-device");

  await page.goto(`${lab.url}/console/administration/audit?action=retention-rule-changed`);
  await page.getByRole("cell", { name: "retention-rule-changed" }).first().waitFor();
  const told = page
    .getByRole("row")
    .filter({ hasText: "retention-rule-changed" })
    .filter({ hasText: device });
  await expect.poll(() => told.count()).toBe(3);
  await done([UNAUTHORIZED]);
});

test("the rule for all devices, and the devices that have their own", async () => {
  await send("camera-2", 2);
  await setRule("camera-2", { days: null, bytes: null });
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/devices");
  await page.getByRole("heading", { name: "Devices with a rule of their own" }).waitFor();
  await page.getByRole("listitem").filter({ hasText: "camera-2" }).filter({ hasText: FOREVER }).waitFor();
  await change(page, "up to a limit", "36500");
  await page
    .getByText("Pictures are kept for 36,500 days after they were received.", { exact: true })
    .waitFor();
  await page.getByText("That holds for all devices without a rule of their own.", { exact: true }).waitFor();
  expect(await rule(null)).toEqual({ days: 36_500, bytes: null });
  await checkAccessibility(page);
  await show(page, "retention-devices");

  await page.getByRole("listitem").getByRole("link", { name: "camera-2", exact: true }).click();
  await page.getByText(FOREVER, { exact: true }).waitFor();
  await page.getByText("Without its own rule: Pictures are kept for 36,500 days", { exact: false }).waitFor();
  await setRule("camera-2", null);
  await page.reload();
  await page
    .getByText("That is the rule for all devices without one of their own.", { exact: true })
    .waitFor();
  await setRule(null, null);
  await done([UNAUTHORIZED]);
});

test("whoever may see a device sees what holds, and changes nothing", async () => {
  await send("camera-3", 1);
  await setRule("camera-3", { days: 90, bytes: null });
  const { page, done } = await visit({ width: 360, height: 700, dark: true, locale: "zh-CN" });
  await page.goto(`${lab.url}/console/devices`);
  const reader = await person("doctor");
  await page.getByLabel("用户名").fill(reader.username);
  await page.getByLabel("密码").fill(reader.password);
  await page.getByRole("button", { name: "登录" }).click();
  await page.getByText("未经认证上传的图片在 7 天后删除，其他图片永久保留。", { exact: true }).waitFor();
  expect(await page.getByRole("button", { name: "更改保留期限" }).count()).toBe(0);
  await page.goto(`${lab.url}/console${pageOf("camera-3")}`);
  await page.getByText("图片自收到起保留 90 天。", { exact: true }).waitFor();
  expect(await page.getByRole("button", { name: "更改保留期限" }).count()).toBe(0);
  await checkAccessibility(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await show(page, "retention-narrow");
  // The server says the same to whoever does not ask by the page.
  const status = await page.evaluate(async (path) => {
    const answer = await fetch(path, { method: "DELETE" });
    return answer.status;
  }, address("camera-3"));
  expect(status).toBe(403);
  expect(await rule("camera-3")).toEqual({ days: 90, bytes: null });
  await done([UNAUTHORIZED, "status of 403"]);
});

test("what somebody else has changed meanwhile is shown, and not overwritten", async () => {
  await send("camera-4", 1);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, pageOf("camera-4"));
  await page.getByText("There is no rule for it.", { exact: true }).waitFor();
  await setRule("camera-4", { days: 10, bytes: null });
  await change(page, "up to a limit", "20");
  await page
    .getByText(/Somebody else has changed this meanwhile\. Now it says: Pictures are kept for 10 days/)
    .waitFor();
  expect(await rule("camera-4")).toEqual({ days: 10, bytes: null });
  expect(await page.getByLabel("Days", { exact: true }).inputValue()).toBe("20");
  await checkAccessibility(page);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Pictures are kept for 20 days after they were received.", { exact: true }).waitFor();
  expect(await rule("camera-4")).toEqual({ days: 20, bytes: null });
  await done([UNAUTHORIZED, PRECONDITION_FAILED]);
});

test("by keyboard alone, with limits that are incomplete first", async () => {
  await send("camera-5", 1);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, pageOf("camera-5"));
  await page.getByRole("button", { name: "Change the retention", exact: true }).focus();
  await page.keyboard.press("Enter");
  const kind = page.getByLabel("Keep pictures", { exact: true });
  await expect.poll(() => kind.evaluate((element) => element === document.activeElement)).toBe(true);
  await page.keyboard.press("u"); // up to a limit
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page
    .getByText("Give a whole number of days, a number of gigabytes, or both.", { exact: true })
    .waitFor();
  await checkAccessibility(page);
  await page.keyboard.type("1e"); // no number for the browser, which says that the field is empty
  await page.keyboard.press("Enter");
  await page.getByText("Give a whole number from 1 to 36,500.", { exact: true }).waitFor();
  expect(await rule("camera-5")).toBeNull();
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Backspace");
  await page.keyboard.type("45");
  await page.keyboard.press("Enter");
  await page.getByText("Pictures are kept for 45 days after they were received.", { exact: true }).waitFor();
  expect(await rule("camera-5")).toEqual({ days: 45, bytes: null });
  await page.getByRole("button", { name: "Change the retention", exact: true }).press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  await done([UNAUTHORIZED]);
});
