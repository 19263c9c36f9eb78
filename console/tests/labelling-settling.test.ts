import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, type Person, show, signIn, visit } from "./support/lab";
import { UNAUTHORIZED, OUTDATED, reader, images, assign, as } from "./support/labelling";

/** An image whose readers differ, these, and their labels. */
async function disputed() {
  const [ada, bob] = [await reader("doctor"), await reader("doctor")];
  const [image = 0] = await images(1);
  await assign({ readers: 2, doctors: [ada.id, bob.id], images: [image] });
  const labels: number[] = [];
  for (const doctor of [ada, bob]) {
    const jobs = await as(doctor, "GET", `/api/jobs?account_id=${doctor.id}`);
    const job = ((await jobs.json()) as { data: { job_id: string }[] }).data[0]?.job_id;
    const made = await as(doctor, "POST", "/api/labels", { comment: doctor.username, dr: doctor === ada });
    const { label_id } = (await made.json()) as { label_id: number };
    await as(doctor, "PUT", `/api/jobs/${job}`, { label_id, job_state: 202 });
    labels.push(label_id);
  }
  return { image, ada, bob, labels };
}

test("an administrator settles what differs, and sees it when somebody was quicker", async () => {
  const admin = lab.administrator;
  const { image, ada, bob, labels } = await disputed();
  const { page, done } = await visit();
  await signIn(page, admin, `/labelling/images/${image}`);
  const take = (who: Person) => page.getByRole("button", { name: `Take this one: ${who.username}` });
  await take(ada).waitFor();
  await checkAccessibility(page);
  const quicker = await asAdministrator("PUT", `/api/images/${image}`, { groundtruth_id: labels[1] });
  expect(quicker.status).toBe(200);
  await take(ada).click();
  const dialog = page.getByRole("dialog", { name: "There are two versions" });
  await dialog.getByText("Somebody has settled this picture meanwhile").waitFor();
  await checkAccessibility(page);
  const result = async () => {
    const answer = await asAdministrator("GET", `/api/images/${image}`);
    return ((await answer.json()) as { groundtruth_id: string }).groundtruth_id;
  };
  expect(await result()).toBe(String(labels[1]));
  await dialog.getByRole("button", { name: "Go on with mine" }).click();
  await page.getByRole("columnheader", { name: `${ada.username} ✓ result` }).waitFor();
  await take(bob).waitFor();
  expect(await take(ada).count(), "it is the result already").toBe(0);
  expect(await result()).toBe(String(labels[0]));

  await page.getByText("Own label").click();
  await page.getByRole("button", { name: "This is the result" }).click();
  await page.getByRole("dialog", { name: "A result without any answer?" }).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("[data-field=dr] label", { hasText: "Yes" }).click();
  await page.getByLabel("Comment").fill("of the administrator");
  await page.getByRole("button", { name: "This is the result" }).click();
  await expect.poll(result).not.toBe(String(labels[0]));
  await page.getByText(/^What has happened/).click();
  await page
    .getByRole("row", { name: /Job \d+ from “Begun” to “Finished”/ })
    .first()
    .waitFor();
  await checkAccessibility(page);
  await show(page, "label-review");
  await page.goto(`${lab.url}/console/labelling/agreement`);
  await page.getByLabel("Doctor", { exact: true }).selectOption({ label: ada.username });
  await page.getByLabel("Field", { exact: true }).selectOption({ label: "Diabetic retinopathy" });
  await page.getByText("As a table").nth(1).click();
  await page.getByRole("columnheader", { name: "Yes", exact: true }).waitFor();
  const cells = page.getByRole("img", { name: /^Diabetic retinopathy as/ }).locator("svg rect");
  const shades = await cells.evaluateAll((all) =>
    all.map((each) => Number(each.getAttribute("fill-opacity"))),
  );
  expect(Math.max(...shades), "numbers can be read on the fullest cell").toBeLessThan(0.5);
  await done([UNAUTHORIZED, OUTDATED]);
});

test("an administrator settles a picture once, however often that is clicked and tried", async () => {
  const { image, ada } = await disputed();
  const { page, done } = await visit();
  await signIn(page, lab.administrator, `/labelling/images/${image}`);
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  let written = 0;
  await page.route(`**/api/images/${image}`, async (route) => {
    if (route.request().method() !== "PUT") return route.fallback();
    written += 1;
    await held;
    return route.continue();
  });
  await page.getByRole("button", { name: `Take this one: ${ada.username}` }).dblclick();
  await expect.poll(() => written, { timeout: 20_000 }).toBeGreaterThan(0);
  await checkAccessibility(page);
  release();
  await page.getByRole("columnheader", { name: `${ada.username} ✓ result` }).waitFor();
  expect(written).toBe(1);
  expect(await page.getByRole("dialog").count()).toBe(0);
  await page.unroute(`**/api/images/${image}`);

  // One label, though it is refused at first and can't be made the result then.
  const keys: (string | undefined)[] = [];
  await page.route("**/api/labels", (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    if (keys.length > 1) return route.continue();
    const errors = [{ field: "comment", message: "It is too odd." }];
    return route.fulfill({ status: 400, json: { type: "about:blank", detail: "No.", errors } });
  });
  await page.route(`**/api/images/${image}`, (route) =>
    route.request().method() === "PUT" && ++written === 2
      ? route.fulfill({ status: 503, json: {} })
      : route.fallback(),
  );
  const button = page.getByRole("button", { name: "This is the result" });
  await page.getByText("Own label").click();
  await page.getByLabel("Comment").fill("odd");
  await button.click();
  const refusal = page.getByText("It is too odd.");
  await refusal.waitFor();
  await button.click();
  await page.getByRole("alert").getByText("The server is busy").waitFor();
  await refusal.waitFor({ state: "detached" });
  await button.click();
  await page.getByRole("alert").getByText("The server is busy").waitFor({ state: "detached" });
  await expect.poll(() => page.getByRole("columnheader", { name: "✓ result" }).count()).toBe(0);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  await done([UNAUTHORIZED, "status of 400", "status of 503"]);
});
