import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, person, show, signIn, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";

test("somebody signs up, waits, is approved and gets where they wanted to go", async () => {
  const { page, done } = await visit();
  await page.goto(`${lab.url}/console/account`);
  await expect.poll(() => page.url()).toContain("/console/sign-in?to=/account");
  await checkAccessibility(page);
  await show(page, "sign-in");
  await page.getByRole("link", { name: "Make an account" }).click();
  await page.getByLabel("User name").fill("emil");
  await page.getByLabel("Password", { exact: true }).fill("correct horse");
  await page.getByLabel("Password, once more").fill("correct house");
  await page.getByText("The two passwords differ.").waitFor();
  await checkAccessibility(page);
  await page.getByLabel("Password, once more").fill("correct horse");
  await page.getByRole("button", { name: "Make an account" }).click();
  await page.getByText("Your account is made.").waitFor();

  await page.goto(`${lab.url}/console/account`);
  await page.getByLabel("User name").fill("emil");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("or the password is wrong").waitFor();
  await page.getByLabel("Password").fill("correct horse");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("waits for approval").waitFor();

  const accounts = (await (await asAdministrator("GET", "/api/accounts?username=emil")).json()) as {
    data: { account_id: number }[];
  };
  await asAdministrator("PUT", `/api/accounts/${accounts.data[0]?.account_id}`, { authority: "doctor" });
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").waitFor();
  await expect.poll(() => new URL(page.url()).pathname).toBe("/console/account");
  await checkAccessibility(page);

  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect.poll(() => page.url()).toContain("/console/sign-in");
  await done([UNAUTHORIZED]);
});

test("no token is where a script could read it", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  const readable = await page.evaluate(
    () => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }),
  );
  expect(readable).not.toContain("eyJ");
  expect(readable).not.toContain("lightbox_session");
  await done([UNAUTHORIZED]);
});

test("who is signed in, and comes to the sign-in once more, is led on", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"));
  await page.goto(`${lab.url}/console/sign-in?to=/devices`);
  await page.getByRole("heading", { name: "Devices", level: 1 }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/console/devices");
  await done([UNAUTHORIZED]);
});

test("a link of somebody else leads nowhere but into the console", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/sign-in?to=//evil.example/x");
  await expect.poll(() => page.url().startsWith(`${lab.url}/console/`)).toBe(true);
  await done([UNAUTHORIZED]);
});

test("in Chinese, dark, at 360 pixels, by keyboard alone", async () => {
  const { page, done } = await visit({ width: 360, height: 640, locale: "zh-CN", dark: true });
  const doctor = await person("doctor");
  await page.goto(`${lab.url}/console/`);
  await page.getByLabel("用户名").waitFor();
  await checkAccessibility(page);
  await show(page, "sign-in-chinese-dark-small");
  await page.getByLabel("用户名").focus();
  await page.keyboard.type(doctor.username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(doctor.password);
  await page.keyboard.press("Enter");
  await page.getByRole("navigation").waitFor();
  await page.getByRole("button", { name: "菜单" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "我的账户" }).waitFor();
  expect(await page.evaluate(() => document.documentElement.lang)).toBe("zh-Hans");
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
});
