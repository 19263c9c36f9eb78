import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { lab, person, show, signIn, toast, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";

test("a password is changed, and the other sessions end", async () => {
  const doctor = await person("doctor");
  const elsewhere = await visit();
  await signIn(elsewhere.page, doctor, "/account");
  const { page, done } = await visit();
  await signIn(page, doctor, "/account");
  await page.getByLabel("Present password").fill("wrong");
  await page.getByLabel("New password", { exact: true }).fill("another horse");
  await page.getByLabel("New password, once more").fill("another horse");
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("This is not your present password.").waitFor();
  await page.getByLabel("Present password").fill(doctor.password);
  await page.getByRole("button", { name: "Change the password" }).click();
  await toast(page, "Your password is changed. All other sessions have ended.").waitFor();
  await checkAccessibility(page);

  await elsewhere.page.getByRole("button", { name: "Make a key" }).click();
  await elsewhere.page.getByLabel("Name", { exact: true }).fill("scanner");
  await elsewhere.page.getByRole("dialog").getByRole("button", { name: "Make a key" }).click();
  const again = elsewhere.page.getByRole("dialog", { name: "Your session has ended" });
  await again.waitFor();
  await checkAccessibility(elsewhere.page);
  await show(elsewhere.page, "session-ended");
  await again.getByLabel("Password").fill("another horse");
  await again.getByRole("button", { name: "Sign in" }).click();
  await elsewhere.page.getByRole("dialog", { name: "The new key" }).waitFor();
  await elsewhere.done([UNAUTHORIZED]);
  await done([UNAUTHORIZED]);
});

test("a password that is changed holds where the last step is cut, and a refused one leaves no session", async () => {
  const doctor = await person("doctor");
  const { page, done } = await visit();
  await signIn(page, doctor, "/account");
  const present = page.getByLabel("Present password");
  const change = page.getByRole("button", { name: "Change the password" });
  await present.fill(doctor.password);
  for (const field of ["New password", "New password, once more"])
    await page.getByLabel(field, { exact: true }).fill("x".repeat(2000));
  await change.click();
  await page.getByRole("alert").first().waitFor();
  await page.reload();
  await page.getByText("this one").waitFor();
  expect(await page.getByRole("button", { name: /^End: / }).count()).toBe(0);

  let signIns = 0;
  await page.route("**/api/authorization", (route) =>
    route.request().method() === "POST" && ++signIns > 1 ? route.abort("connectionreset") : route.fallback(),
  );
  await present.fill(doctor.password);
  for (const field of ["New password", "New password, once more"])
    await page.getByLabel(field, { exact: true }).fill("another horse");
  await change.click();
  await toast(page, "Your password is changed. All other sessions have ended.").waitFor();
  expect(await present.inputValue()).toBe("");
  const again = await visit();
  await signIn(again.page, { ...doctor, password: "another horse" });
  await again.done([UNAUTHORIZED]);
  await done([UNAUTHORIZED, "status of 4", "ERR_CONNECTION_RESET"]);
});

test("keys are made, shown once, and revoked", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/account");
  await page.getByText("You have no API keys.").waitFor();
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("<b>camera</b>");
  await page.getByLabel("send pictures of devices").check();
  await page.getByLabel("Only for this device").fill("camera-1");
  await checkAccessibility(page);
  await page.getByRole("dialog").getByRole("button", { name: "Make a key" }).click();
  const shown = page.getByRole("dialog", { name: "The new key" });
  const key = await shown.locator("code").innerText();
  const answer = await fetch(`${lab.url}/api/predictions`, { headers: { "x-api-key": key } });
  expect(answer.status).toBe(200);
  await shown.getByRole("button", { name: "Close", exact: true }).click();
  await page.getByText("<b>camera</b>").waitFor();
  await show(page, "account");
  await page.getByRole("button", { name: "Revoke" }).click();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("You have no API keys.").waitFor();
  await done([UNAUTHORIZED]);
});

test("sessions are in view, and end everywhere", async () => {
  const doctor = await person("doctor");
  const { page, done } = await visit({ width: 360, height: 700 });
  const elsewhere = await visit();
  await signIn(elsewhere.page, doctor);
  await signIn(page, doctor, "/account");
  await page.getByText("this one").waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Sign out everywhere" }).click();
  await expect.poll(() => page.url()).toContain("/console/sign-in");
  await expect
    .poll(() => elsewhere.page.evaluate(async () => (await fetch("/api/self")).status), { timeout: 15_000 })
    .toBe(401);
  await elsewhere.done([UNAUTHORIZED]);
  await done([UNAUTHORIZED]);
});
