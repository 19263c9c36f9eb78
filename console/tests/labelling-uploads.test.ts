import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { lab, sample, show, signIn, visit } from "./support/lab";
import { UNAUTHORIZED } from "./support/labelling";

test("uploads go on while the administrator is elsewhere, and the browser asks before they are lost", async () => {
  const buffer = await sample("covid19-positive.jpg");
  const files = ["first.jpg", "second.jpg", "third.jpg"].map((name) => ({
    name,
    mimeType: "image/jpeg",
    buffer,
  }));
  const { page, done } = await visit();
  await signIn(page, lab.administrator, "/labelling/images");
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/api/uploads/medical-images", async (route) => {
    await held;
    await route.continue();
  });
  await page.getByLabel("choose files").setInputFiles(files);
  const uploads = page.getByRole("list", { name: "Uploads" });
  await uploads.getByText("Waits", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Assignments" }).click();
  await uploads.waitFor({ state: "detached" });

  const asked = page.waitForEvent("dialog");
  await page.close({ runBeforeUnload: true });
  const question = await asked;
  expect(question.type()).toBe("beforeunload");
  await question.dismiss();

  await page.goBack();
  await expect.poll(() => uploads.getByRole("listitem").count()).toBe(3);
  release();
  await expect.poll(() => uploads.getByText("Uploaded", { exact: true }).count()).toBe(3);

  await page.getByRole("link", { name: "Assignments" }).click();
  await uploads.waitFor({ state: "detached" });
  await page.goBack();
  await page.getByLabel("choose files").waitFor({ state: "attached" });
  expect(await uploads.count(), "what is over is not listed any more").toBe(0);
  await done([UNAUTHORIZED]);
});

test("uploads wait while the network is away, and what failed for good stays listed until it is tried again", async () => {
  const buffer = await sample("covid19-positive.jpg");
  const files = [1, 2, 3, 4, 5, 6].map((at) => ({ name: `cut-${at}.jpg`, mimeType: "image/jpeg", buffer }));
  const { page, done } = await visit({ width: 360 });
  await signIn(page, lab.administrator, "/labelling/images");
  const uploads = page.getByRole("list", { name: "Uploads" });
  const count = (text: string) => uploads.getByText(text, { exact: true }).count();
  await page.route("**/api/uploads/medical-images", (route) => route.abort("connectionreset"));
  await page.getByLabel("choose files").setInputFiles(files);
  await page.getByRole("status").getByText("The uploads go on by themselves").waitFor();
  await expect.poll(() => count("Waits"), { timeout: 20_000 }).toBe(6);
  expect(await uploads.getByRole("alert").count()).toBe(0);
  await checkAccessibility(page);
  await show(page, "label-uploads-wait");

  let sent = 0;
  await page.route("**/api/uploads/medical-images", (route) =>
    ++sent <= 3 ? route.fulfill({ status: 500, json: {} }) : route.continue(),
  );
  const button = page.getByRole("button", { name: "Try now" });
  await button.click({ timeout: 5000 }).catch(() => undefined); // the pause may be over
  await expect.poll(() => count("Uploaded"), { timeout: 20_000 }).toBe(3);
  await page.getByRole("link", { name: "Assignments" }).click();
  await uploads.waitFor({ state: "detached" });
  await page.goBack();
  await expect.poll(() => uploads.getByRole("listitem").count(), { timeout: 20_000 }).toBe(3);
  await uploads.getByRole("alert").getByText("The server failed").first().waitFor();
  await checkAccessibility(page);
  await show(page, "label-uploads-failed");

  const row = uploads.getByRole("listitem").first();
  const name = await row.locator("bdi").first().textContent();
  await page.getByRole("button", { name: `Remove from the list: ${name}`, exact: true }).click();
  await expect.poll(() => uploads.getByRole("listitem").count(), { timeout: 20_000 }).toBe(2);
  await uploads
    .getByRole("button", { name: /^Try again: / })
    .first()
    .click();
  await expect.poll(() => count("Uploaded"), { timeout: 20_000 }).toBe(1);
  await page.getByRole("button", { name: "Try all again" }).click();
  await expect.poll(() => count("Uploaded"), { timeout: 20_000 }).toBe(2);
  await done([UNAUTHORIZED, "ERR_CONNECTION_RESET", "status of 500"]);
});
