import { expect, test } from "vitest";
import { lab, sample, signIn, visit } from "./support/lab";
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
