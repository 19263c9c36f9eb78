import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { group } from "./support/gallery";
import { asAdministrator, lab, type Person, sample, show, signIn, toast, visit } from "./support/lab";
import { finished, imageOf, scheme, UNAUTHORIZED } from "./support/labelling";

/** The day of a lab, in which its pages have what they are for: the pictures of docs/console are made here. */

const BERTA = { username: "berta", password: "correct horse battery" };
const CHEN = { username: "chen", password: "correct horse battery" };
const DORA = { username: "dora", password: "correct horse battery" };
const CHEST = {
  finding: {
    enum: ["none", "effusion", "cardiomegaly", "consolidation"],
    title: "What is seen first",
    description: "By the picture alone.",
  },
  quality: { type: "integer", minimum: 1, maximum: 5, title: "Quality of the picture", "x-ordered": true },
  side: { enum: ["left", "right", "both"], title: "Side" },
  comment: { type: "string", maxLength: 2000, title: "Comment" },
};
const TO_LABEL = ["pleural-effusion.dcm", "cardiomegaly.jpg", "consolidation.webp", "normal.png"];
const GROUPS = [
  ["Chest, first series", ["cardiomegaly.jpg", "cardiomegaly-edema-effusion.jpg", "consolidation.webp"]],
  ["Effusions", ["pleural-effusion.dcm"]],
  ["Consolidations", ["consolidation.webp"]],
  ["Comparison COVID-19", ["covid19-positive.jpg", "covid19-normal.jpg"]],
  ["Without findings", ["normal.png", "normal-wide.bmp"]],
  ["Edema, as TIFF", ["edema.tiff"]],
] as const;

async function signUp(who: Person): Promise<Page> {
  const { page } = await visit();
  await page.goto(`${lab.url}/console/sign-up`);
  await page.getByLabel("User name").fill(who.username);
  await page.getByLabel("Password", { exact: true }).fill(who.password);
  await page.getByLabel("Password, once more").fill(who.password);
  await page.getByRole("button", { name: "Make an account" }).click();
  await page.getByText("Your account is made.").waitFor();
  return page;
}

async function label(page: Page, said: Record<number, string>, look?: string): Promise<void> {
  for (let done = 0; done < TO_LABEL.length; done += 1) {
    const image = await imageOf(page);
    await page.locator("img.current").waitFor();
    await page.locator(".choices input:focus").first().waitFor();
    await page.keyboard.press(said[image] ?? "1");
    if (look && done === 0) {
      await checkAccessibility(page);
      await show(page, look);
    }
    await page.keyboard.press("4");
    await page.getByRole("button", { name: finished }).click();
    await expect
      .poll(async () => (await page.getByRole("heading", { level: 1 }).textContent()) ?? "")
      .not.toContain(String(image));
  }
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
}

/** The key of the answer to each image of TO_LABEL, by its number. */
function answers(uploaded: { id: string; filename: string }[], keys: string[]): Record<number, string> {
  return Object.fromEntries(uploaded.map((each) => [each.id, keys[TO_LABEL.indexOf(each.filename)] ?? "1"]));
}

async function send(deviceId: string, timestamp: string, name: string): Promise<void> {
  const imageData = (await sample(name)).toString("base64");
  const answer = await fetch(`${lab.url}/collections/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ deviceId, timestamp, imageData }),
  });
  expect(answer.status).toBe(201);
}

test("the day of a lab: sign-up, approval, reading, labelling, agreement, gallery, devices", async () => {
  const [berta, chen, dora] = [await signUp(BERTA), await signUp(CHEN), await signUp(DORA)];
  const { page: admin, done } = await visit();
  await signIn(admin, lab.administrator, "/administration/accounts");
  for (const { username } of [BERTA, CHEN]) {
    await admin.getByRole("button", { name: `Approve as doctor: ${username}`, exact: true }).click();
    await admin.getByLabel(`Authority of ${username}`, { exact: true }).waitFor();
    await expect
      .poll(() => admin.getByLabel(`Authority of ${username}`, { exact: true }).inputValue())
      .toBe("102");
  }
  await admin.getByLabel("Authority of dora", { exact: true }).selectOption({ label: "expert" });
  await admin.getByRole("button", { name: "Save the authority of dora", exact: true }).click();
  await toast(admin, "dora is expert now.").waitFor();
  await checkAccessibility(admin);
  await show(admin, "accounts");

  await signIn(berta, BERTA, "/reading");
  await berta
    .getByLabel("Choose files")
    .setInputFiles(
      ["cardiomegaly.jpg", "edema.tiff", "pleural-effusion.dcm"].map((name) => join(lab.samples, name)),
    );
  for (const name of ["cardiomegaly.jpg", "edema.tiff", "pleural-effusion.dcm"])
    await berta.getByRole("link", { name: `Open: ${name}`, exact: true }).waitFor();
  await berta.getByRole("link", { name: "Open: pleural-effusion.dcm", exact: true }).click();
  await berta.getByRole("heading", { name: "Findings" }).waitFor();
  await berta.getByText("above the threshold of 17").waitFor();
  await berta.waitForLoadState("networkidle");
  await show(berta, "reading");

  const name = await scheme(CHEST, ["finding"], "Chest phantom");
  await admin.goto(`${lab.url}/console/labelling/images`);
  await admin.getByLabel("Label scheme").selectOption(name);
  await admin.getByLabel("choose files").setInputFiles(TO_LABEL.map((each) => join(lab.samples, each)));
  await expect
    .poll(() => admin.getByText("Uploaded", { exact: true }).count(), { timeout: 40_000 })
    .toBe(TO_LABEL.length);
  const listed = await asAdministrator("GET", "/api/images?state=unassigned&limit=5000");
  const uploaded = ((await listed.json()) as { data: { id: string; filename: string }[] }).data;
  await admin.getByRole("link", { name: "Assignments" }).click();
  await admin.getByLabel("How").selectOption("queue");
  const form = admin.locator("form", { hasText: "Ask for readers" });
  for (const { username } of [BERTA, CHEN])
    await form.getByRole("checkbox", { name: username, exact: true }).check();
  await admin.getByRole("button", { name: "Make the assignment" }).click();
  await admin.getByRole("heading", { name: /^Assignment \d+$/ }).waitFor();
  const assignment = new URL(admin.url()).pathname;

  await berta.goto(`${lab.url}/console/labelling`);
  await label(berta, answers(uploaded, ["2", "3", "4", "1"]), "labelling");
  await signIn(chen, CHEN, "/labelling");
  await label(chen, answers(uploaded, ["2", "3", "3", "1"]));

  await signIn(dora, DORA, "/labelling");
  await dora.getByRole("row", { name: /^What is seen first differs/ }).waitFor();
  await checkAccessibility(dora);
  await show(dora, "settling");
  await dora.getByRole("button", { name: "Take this one: chen" }).click();
  await dora.getByRole("button", { name: finished }).click();
  await dora.getByRole("heading", { name: "Nothing to do" }).waitFor();

  await admin.goto(lab.url + assignment);
  await admin.getByRole("link", { name: "Agreement in this assignment" }).click();
  await admin.getByLabel("Label scheme").selectOption(name);
  await admin
    .getByRole("img", { name: /^Fleiss' kappa by field/ })
    .locator("svg circle")
    .first()
    .waitFor({ state: "attached" });
  await admin
    .getByRole("img", { name: "Quality of the picture as berta sees it, against the result" })
    .waitFor();
  await checkAccessibility(admin);
  await show(admin, "agreement");

  for (const [title, files] of [...GROUPS].reverse()) {
    const pictures = await Promise.all(files.map(async (each) => ({ name: each, data: await sample(each) })));
    await group({ title, caption: "Phantoms" }, pictures);
  }
  await admin.goto(`${lab.url}/console/gallery`);
  await admin.getByText("Without findings").waitFor();
  await admin.waitForLoadState("networkidle");
  await expect.poll(() => admin.locator(".thumbnail img.loaded").count()).toBe(GROUPS.length);
  await show(admin, "gallery");

  await admin.goto(`${lab.url}/console/devices`);
  await admin.getByText("Connected: new pictures appear by themselves.").waitFor();
  for (const [index, each] of [
    "normal.png",
    "cardiomegaly.jpg",
    "consolidation.webp",
    "edema.tiff",
  ].entries())
    await send(`camera-${1 + (index % 2)}`, `2026-03-0${1 + index}T08:30:00Z`, each);
  await expect.poll(() => admin.getByRole("img", { name: /Picture of camera-/ }).count()).toBe(4);
  await admin.getByRole("link", { name: "camera-2", exact: true }).waitFor();
  await admin.waitForLoadState("networkidle");
  await show(admin, "devices");

  await admin.goto(`${lab.url}/console/administration/health`);
  await admin.getByText("Everything is ready.").waitFor();
  await show(admin, "health");
  await admin.goto(`${lab.url}/console/administration/audit`);
  await admin.getByRole("row").nth(5).waitFor();
  await show(admin, "audit");
  await Promise.all([berta, chen, dora].map((page) => page.context().close()));
  await done([UNAUTHORIZED]);
});
