import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { person, sample, show, signIn, toast, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";

test("nickname and photo are shown, changed and removed", async () => {
  const { page, done } = await visit();
  const doctor = await person("doctor");
  await signIn(page, doctor, "/account");
  const profile = page.getByRole("region", { name: "Profile" });
  await profile.getByLabel("Nickname").fill("<b>Dr. Clara</b> كلارا");
  await profile.getByLabel("E-mail address").fill("clara@lab.example");
  await profile.getByRole("button", { name: "Save" }).click();
  await toast(page, "Your profile is saved.").waitFor();
  await page.reload();
  await expect.poll(() => profile.getByLabel("Nickname").inputValue()).toBe("<b>Dr. Clara</b> كلارا");
  expect(await profile.getByLabel("E-mail address").inputValue()).toBe("clara@lab.example");

  const photo = profile.getByRole("img", { name: `Photo of ${doctor.username}` });
  expect(await photo.getAttribute("src")).toBe("/api/uploads/photos/default.png");
  const choosing = page.waitForEvent("filechooser");
  await profile.getByRole("button", { name: "Choose a photo" }).click();
  const buffer = await sample("covid19-normal.jpg");
  await (await choosing).setFiles({ name: "me.jpg", mimeType: "image/jpeg", buffer });
  await profile.getByRole("img", { name: "The photo as others will see it" }).waitFor();
  await checkAccessibility(page);
  await show(page, "profile-preview");
  await profile.getByRole("button", { name: "Use this photo" }).click();
  await toast(page, "Your photo is changed.").waitFor();
  await expect.poll(() => photo.getAttribute("src")).toMatch(/^\/api\/uploads\/photos\/.*\.jpg$/);
  await expect.poll(() => photo.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(256);
  await checkAccessibility(page);
  await show(page, "profile");
  await profile.getByRole("button", { name: "Remove the photo" }).click();
  await toast(page, "Your photo is removed.").waitFor();
  await expect.poll(() => photo.getAttribute("src")).toBe("/api/uploads/photos/default.png");
  await done([UNAUTHORIZED]);
});

test("what is wrong with a file is said, in the dark at 360 pixels", async () => {
  const { page, done } = await visit({ width: 360, height: 740, dark: true });
  await signIn(page, await person("doctor"), "/account");
  const profile = page.getByRole("region", { name: "Profile" });
  const input = profile.locator("input[type=file]");
  await input.setInputFiles({ name: "empty.png", mimeType: "image/png", buffer: Buffer.alloc(0) });
  await profile.getByRole("alert").getByText("This file is empty.").waitFor();

  await input.setInputFiles({ name: "text.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
  await profile.getByText("Your browser can't show this file.").waitFor();
  await profile.getByRole("button", { name: "Use this photo" }).click();
  await profile.getByRole("alert").getByText("This is no picture, or of a kind that is not read.").waitFor();
  await checkAccessibility(page);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await show(page, "profile-refused-dark-small");

  await input.setInputFiles({ name: "large.png", mimeType: "image/png", buffer: Buffer.alloc(21_000_000) });
  await profile.getByRole("button", { name: "Use this photo" }).click();
  await profile.getByRole("alert").getByText("The file is larger than 21 MB").waitFor();

  const dicom = {
    name: "a.dcm",
    mimeType: "application/dicom",
    buffer: await sample("pleural-effusion.dcm"),
  };
  await input.setInputFiles(dicom);
  await profile.getByRole("button", { name: "Use this photo" }).click();
  await toast(page, "Your photo is changed.").waitFor();
  await profile.getByRole("button", { name: "Choose a photo" }).waitFor();
  await done([UNAUTHORIZED, "status of 400", "status of 413"]);
});

test("a photo at another address is not loaded, and the page says so, in Chinese", async () => {
  const { page, done } = await visit({ locale: "zh-CN" });
  const doctor = await person("doctor");
  await page.goto("/console/account");
  await page.getByLabel("用户名").fill(doctor.username);
  await page.getByLabel("密码").fill(doctor.password);
  await page.getByRole("button", { name: "登录", exact: true }).click();
  await page.getByRole("heading", { name: "个人资料" }).waitFor();
  const status = await page.evaluate(async () => {
    const { account_id } = (await (await fetch("/api/self")).json()) as { account_id: number };
    const body = JSON.stringify({ photo: "https://elsewhere.example/me.png" });
    const headers = { "content-type": "application/json" };
    return (await fetch(`/api/accounts/${account_id}`, { method: "PUT", headers, body })).status;
  });
  expect(status).toBeLessThan(300);
  await page.reload();
  await page.getByText("您的头像位于其他网址，本页不会加载：https://elsewhere.example/me.png").waitFor();
  await checkAccessibility(page);
  await show(page, "profile-chinese");
  await done([UNAUTHORIZED]);
});
