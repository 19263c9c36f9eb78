import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, show, signIn, toast, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
const CONNECTION = "/api/gallery/drive/connection";

/** Consents at Microsoft's page, which sends the reader on to a page that is no part of this platform. */
async function consent(page: Page): Promise<void> {
  const link = page.getByRole("link", { name: "Allow it at Microsoft" });
  const address = `${await link.getAttribute("href")}&login_hint=ada%40example.com`;
  const sent = await fetch(address, { redirect: "manual" });
  const back = new URL(sent.headers.get("location") ?? "").searchParams;
  const codes = { auth_code: back.get("code"), state: back.get("state") };
  const answer = await asAdministrator("POST", "/admin/auth/code", codes);
  expect(await answer.json()).toMatchObject({ code: 1 });
}

async function isConnected(): Promise<unknown> {
  return (await asAdministrator("GET", CONNECTION)).json();
}

test("a OneDrive is connected, disconnected after a question, and connected again", async () => {
  const { page, done } = await visit();
  const disconnect = page.getByRole("button", { name: "Disconnect OneDrive" });
  const question = page.getByRole("dialog", { name: "Disconnect your OneDrive?" });
  await signIn(page, lab.administrator, "/gallery/drive");
  await page.getByText("The use of the drive has to be allowed first.").waitFor();
  expect(await disconnect.count()).toBe(0);
  await consent(page);
  await page.reload();
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Chests");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Chests", level: 2 }).waitFor();

  await disconnect.click();
  await page.getByText("Files in OneDrive and pictures of the gallery stay.").waitFor();
  await checkAccessibility(page);
  await show(page, "gallery-disconnect");
  await question.getByRole("button", { name: "Cancel" }).click();
  await question.waitFor({ state: "detached" });
  expect(await isConnected()).toEqual({ drive: "onedrive", connected: true });

  await page.route(`**${CONNECTION}`, (route) =>
    route.request().method() === "DELETE" ? route.fulfill({ status: 503, json: {} }) : route.continue(),
  );
  await disconnect.click();
  await question.getByRole("button", { name: "Disconnect OneDrive" }).click();
  await question.waitFor({ state: "detached" });
  await page.getByRole("heading", { name: "Chests", level: 2 }).waitFor();
  expect(await isConnected()).toEqual({ drive: "onedrive", connected: true });
  await page.unroute(`**${CONNECTION}`);

  await disconnect.click();
  await question.getByRole("button", { name: "Disconnect OneDrive" }).click();
  await toast(page, "OneDrive is disconnected.").waitFor();
  await page.getByText("The use of the drive has to be allowed first.").waitFor();
  await expect.poll(() => disconnect.count()).toBe(0);
  expect(await page.getByText("Chests").count()).toBe(0);
  await checkAccessibility(page);
  expect(await isConnected()).toEqual({ drive: "onedrive", connected: false });
  const trail = await asAdministrator("GET", "/api/audit?action=drive-disconnected");
  expect(((await trail.json()) as { entries: unknown[] }).entries).toHaveLength(1);

  await consent(page);
  await page.reload();
  await page.getByRole("link", { name: "Chests" }).waitFor(); // what is in OneDrive is still there
  await done([UNAUTHORIZED, "status of 503"]);
});

test("in Chinese", async () => {
  const { page, done } = await visit({ width: 360, height: 640, locale: "zh-CN" });
  await page.goto(`${lab.url}/console/sign-in?to=${encodeURIComponent("/gallery/drive")}`);
  await page.getByLabel("用户名").fill(lab.administrator.username);
  await page.getByLabel("密码").fill(lab.administrator.password);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "断开 OneDrive" }).click();
  await page.getByRole("dialog", { name: "断开 OneDrive？" }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await page.getByRole("dialog").getByRole("button", { name: "断开 OneDrive" }).click();
  await page.getByText("需要先授权使用网盘。").waitFor();
  await done([UNAUTHORIZED]);
});
