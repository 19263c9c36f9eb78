import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, launch, person, show, signIn, toast, visit } from "./support/lab";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
});

const UNAUTHORIZED = "status of 401";

test("accounts are found, approved and deleted", async () => {
  const name = "<i>clara</i> صورة اليد";
  const made = await fetch(`${lab.url}/api/accounts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ username: "clara", password: "correct horse", nickname: name }),
  });
  expect(made.status).toBe(201);
  const { page, done } = await visit(browser);
  await signIn(page, lab.administrator, "/administration");
  await page.getByLabel("Whole user name").fill("clara");
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("button", { name: "Approve as doctor: clara" }).click();
  await toast(page, "clara is doctor now.").waitFor();
  await checkAccessibility(page);
  await show(page, "administration-accounts");
  expect(await page.getByLabel("Authority of clara").inputValue()).toBe("102");
  await page.getByRole("button", { name: "Delete: clara" }).click();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText("Nothing was found.").waitFor();
  await expect.poll(() => new URL(page.url()).search).toBe("?name=clara");
  await done([UNAUTHORIZED]);
});

test("the audit trail is filtered, and the address keeps the filter", async () => {
  const { page, done } = await visit(browser);
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
  const { page, done } = await visit(browser, { width: 360, height: 700, dark: true });
  await signIn(page, lab.administrator, "/administration/health");
  await page.getByText("Everything is ready.").waitFor();
  await page.getByRole("row", { name: "inference-service ready" }).waitFor();
  await page.getByRole("link", { name: "Card" }).first().waitFor();
  await checkAccessibility(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await show(page, "administration-health");
  await done([UNAUTHORIZED]);
});

test("keys of another account are in view, and nobody else sees the administration", async () => {
  const doctor = await person("doctor");
  const found = await asAdministrator("GET", `/api/accounts?username=${doctor.username}`);
  const { data } = (await found.json()) as { data: { account_id: number }[] };
  const { page, done } = await visit(browser);
  await signIn(page, lab.administrator, `/administration/keys?account=${data[0]?.account_id}`);
  await page.getByText("This account has no keys.").waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
  const other = await visit(browser);
  await signIn(other.page, doctor, "/administration/keys");
  await other.page.getByRole("heading", { name: "404" }).waitFor();
  expect(await other.page.getByRole("link", { name: "Administration" }).count()).toBe(0);
  await other.done([UNAUTHORIZED]);
});
