import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, person, show, signIn, toast, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";

async function clients(): Promise<{ id: number; name: string; scopes: string[]; redirect_uris: string[] }[]> {
  const answer = await asAdministrator("GET", "/api/oauth/clients?limit=1000");
  return ((await answer.json()) as { clients: Awaited<ReturnType<typeof clients>> }).clients;
}

test("a server is registered, its secret shown once, changed, and deleted", async () => {
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/administration/clients");
  await page.getByRole("link", { name: "Register an application" }).click();
  await page.getByRole("heading", { name: "Register an application" }).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("Reading room");
  await page.getByLabel("A server, which keeps a secret").check();
  await page.getByLabel("Redirect URIs", { exact: true }).fill("https://reading.example.org/*");
  await page.getByLabel("Origins", { exact: true }).fill("https://Reading.example.org/");
  await page.getByRole("button", { name: "Register an application" }).click();
  await page.getByText("An origin is a scheme and a host in lower case").waitFor();
  await checkAccessibility(page);
  await page.getByLabel("Origins", { exact: true }).fill("https://reading.example.org");
  await page.getByRole("button", { name: "Register an application" }).click();
  await page.getByText("This has to be a whole web address of at most 2,000 characters").waitFor();
  await show(page, "oauth-client-new");
  await page
    .getByLabel("Redirect URIs", { exact: true })
    .fill("https://reading.example.org/callback\n\norg.example.reading:/callback");
  expect(await page.getByLabel("account do everything").count()).toBe(0);
  await page.getByLabel("Part of this installation").check();
  await page.getByLabel("account do everything that you may do").check();
  await page.getByRole("button", { name: "Register an application" }).click();
  const secret = page.getByRole("dialog", { name: "The secret of Reading room" });
  expect((await secret.locator("code").innerText()).length).toBeGreaterThan(40);
  await checkAccessibility(page);
  await secret.getByRole("button", { name: "Close", exact: true }).click();

  await expect.poll(() => new URL(page.url()).pathname).toMatch(/\/administration\/clients\/\d+$/);
  const [made] = (await clients()).filter((each) => each.name === "Reading room");
  expect(made?.scopes).toEqual(["openid", "profile", "account"]);
  expect(made?.redirect_uris).toEqual([
    "https://reading.example.org/callback",
    "org.example.reading:/callback",
  ]);
  await page.getByRole("button", { name: "Save" }).waitFor();
  await checkAccessibility(page);
  await page.getByLabel("Part of this installation").uncheck();
  await page.getByLabel("Name", { exact: true }).fill("Reading room 2");
  await page.getByRole("button", { name: "Save" }).click();
  await toast(page, "Reading room 2 is changed.").waitFor();
  expect((await clients()).find((each) => each.id === made?.id)?.scopes).toEqual(["openid", "profile"]);

  await page.getByRole("button", { name: "New secret" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "New secret" }).click();
  await page.getByRole("dialog", { name: "The secret of Reading room 2" }).locator("code").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Close", exact: true }).click();
  await show(page, "oauth-client");

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await toast(page, "Reading room 2 is deleted.").waitFor();
  await expect.poll(() => new URL(page.url()).pathname).toBe("/console/administration/clients");
  expect((await clients()).map((each) => each.id)).not.toContain(made?.id);
  await done([UNAUTHORIZED, "status of 400", "status of 422"]);
});

test("a page of somebody else, by keyboard, in the dark, at 360 pixels, and its link", async () => {
  const { page, done } = await visit({ width: 360, height: 740, dark: true });
  await signIn(page, lab.administrator, "/administration/clients/new");
  await page.getByLabel("Name", { exact: true }).focus();
  await page.keyboard.type("<i>Atlas</i> أطلس");
  await page.getByLabel("Redirect URIs", { exact: true }).focus();
  await page.keyboard.type("http://127.0.0.1/callback");
  for (const scope of ["openid know", "profile see"]) {
    await page.getByLabel(scope).focus();
    await page.keyboard.press("Space");
  }
  await page.getByRole("button", { name: "Register an application" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("Choose at least one.").waitFor();
  await checkAccessibility(page);
  await page.getByLabel("annotate label pictures").check();
  await page.keyboard.press("Enter");
  await expect.poll(() => new URL(page.url()).pathname).toMatch(/\/administration\/clients\/\d+$/);
  await toast(page, "\u2068<i>Atlas</i> أطلس\u2069 is registered.").waitFor();
  expect(await page.getByRole("button", { name: "New secret" }).count()).toBe(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await show(page, "oauth-client-dark-small");
  const link = page.url();
  await page.getByRole("link", { name: "All applications" }).click();
  await page.getByRole("link", { name: "<i>Atlas</i> أطلس" }).first().waitFor();
  await checkAccessibility(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await show(page, "oauth-clients-dark-small");
  await page.goto(link);
  await page.getByRole("heading", { name: "<i>Atlas</i> أطلس" }).waitFor();
  await page.goto("/console/administration/clients/999999");
  await page.getByRole("alert").getByText("This is not there any more").waitFor();
  await done([UNAUTHORIZED, "status of 404"]);

  const other = await visit();
  await signIn(other.page, await person("doctor"), new URL(link).pathname.replace("/console", ""));
  await other.page.getByRole("heading", { name: "404" }).waitFor();
  await other.done([UNAUTHORIZED]);
});
