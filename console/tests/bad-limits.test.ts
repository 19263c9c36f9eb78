import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { png } from "./support/gallery";
import { lab, show, signIn, visit } from "./support/lab";

/** The platform of this file lets so many through in a minute: LIGHTBOX_RATE_UPLOAD and LIGHTBOX_RATE_SIGN_IN. */
const UPLOADS = 2;
const SIGN_INS = 8;

async function fill(page: Page, name: string, password: string, label: string): Promise<void> {
  await page.getByLabel(name).fill(lab.administrator.username);
  await page.getByLabel(password).fill("wrong");
  await page.getByRole("button", { name: label }).click();
}

test("uploads beyond the gateway's limit wait, and say when they go on", async () => {
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/labelling/images");
  const files = [0, 1, 2, 3].map((at) => ({
    name: `limit-${at}.png`,
    mimeType: "image/png",
    buffer: png(60, 40, 100 + at),
  }));
  await page.locator("input[type=file]").setInputFiles(files);
  const said = /Too many requests\. Try again in \d+ seconds?\. The uploads go on by themselves/;
  await page.getByRole("status").getByText(said).waitFor();
  await expect.poll(() => page.getByText("Uploaded", { exact: true }).count()).toBe(UPLOADS);
  await expect.poll(() => page.getByText("Waits", { exact: true }).count()).toBe(files.length - UPLOADS);
  await checkAccessibility(page);
  await show(page, "bad-limits");
  await done(["status of 401", "status of 429"]);
});

test.each([
  ["en-GB", "User name", "Password", "Sign in", /^Too many requests\. Try again in \d+ seconds?\.$/],
  ["zh-CN", "用户名", "密码", "登录", /^请求过多。请在\d+秒钟后重试。$/],
])("so does the sign-in: %s", async (locale, name, password, label, said) => {
  const { page, done } = await visit({ locale });
  await page.goto(`${lab.url}/console/sign-in`);
  const alert = page.getByRole("alert");
  for (let at = 0; at <= SIGN_INS; at++) {
    const answered = page.waitForResponse("**/api/authorization");
    await fill(page, name, password, label);
    if ((await answered).status() === 429) break;
  }
  await alert.getByText(said).waitFor();
  await done(["status of 401", "status of 429"]);
});
