import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, show, signIn, visit } from "./support/lab";
import {
  UNAUTHORIZED,
  OUTDATED,
  reader,
  images,
  assign,
  as,
  labelsOf,
  imageOf,
  finished,
} from "./support/labelling";

test("a draft is there again after a reload, also what the server has not heard of", async () => {
  const doctor = await reader("doctor");
  const [image = 0] = await images(1);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: [image] });
  const { page, done } = await visit();
  await signIn(page, doctor, "/labelling");
  await imageOf(page);
  await page.getByLabel("Comment").fill("half a sent");
  await page.getByText(/^Saved /).waitFor();
  await page.reload();
  await expect.poll(() => page.getByLabel("Comment").inputValue()).toBe("half a sent");

  await page.context().setOffline(true);
  await page.getByLabel("Comment").fill("half a sentence");
  await page.getByText("kept on this device").waitFor();
  await checkAccessibility(page);
  await page.getByRole("button", { name: finished }).click();
  await page.getByRole("alert").getByText("can't be reached").waitFor();
  await page.context().setOffline(false);
  await page.reload();
  await expect.poll(() => page.getByLabel("Comment").inputValue()).toBe("half a sentence");
  await page.getByText(/^Saved /).waitFor();
  await page.getByRole("button", { name: finished }).click();
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  const [label] = await labelsOf(image);
  expect(label?.fields).toEqual({ comment: "half a sentence" });
  await done([UNAUTHORIZED, "ERR_INTERNET_DISCONNECTED"]);
});

test("what neither the server nor the device has is called so, and is not left without a question", async () => {
  const doctor = await reader("doctor");
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: await images(1) });
  const { page, done } = await visit();
  await signIn(page, doctor, "/labelling");
  await imageOf(page);
  await page.evaluate(() => {
    for (let size = 2 ** 20, at = 0; size >= 1; at += 1) {
      try {
        localStorage.setItem(`filler ${at}`, "x".repeat(size));
      } catch {
        size = Math.floor(size / 2);
      }
    }
  });
  await page.context().setOffline(true);
  await page.getByLabel("Comment").fill("nowhere");
  await page.getByText("Not kept anywhere yet").waitFor();
  await checkAccessibility(page);

  const [asked] = await Promise.all([
    page.waitForEvent("dialog"),
    page.evaluate(() => setTimeout(() => location.reload())),
  ]);
  expect(asked.type()).toBe("beforeunload");
  await asked.dismiss();
  const account = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "My account" });
  await account.click();
  const question = page.getByRole("dialog", { name: "What you have entered is kept nowhere" });
  await checkAccessibility(page);
  await question.getByRole("button", { name: "Cancel" }).click();
  expect(await page.getByLabel("Comment").inputValue()).toBe("nowhere");

  await page.context().setOffline(false);
  await page.getByText(/^Saved /).waitFor();
  await account.click();
  await page.getByRole("heading", { level: 1, name: "My account" }).waitFor();
  await done([UNAUTHORIZED, "ERR_INTERNET_DISCONNECTED"]);
});

test("a doctor whose session ends while typing signs in again, and nothing is lost", async () => {
  const doctor = await reader("doctor");
  const [image = 0] = await images(1);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: [image] });
  const { page, done } = await visit();
  await signIn(page, doctor, "/labelling");
  await imageOf(page);
  await page.getByLabel("Comment").fill("before");
  await page.getByText(/^Saved /).waitFor();
  const ended = await as(doctor, "DELETE", "/api/sessions");
  expect(ended.ok, await ended.text()).toBe(true);
  const asked = async () => (await page.context().request.get(`${lab.url}/api/schemes`)).status();
  await expect.poll(asked, { timeout: 20_000 }).toBe(401);
  await page.getByLabel("Comment").fill("before and after");
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByLabel("Password").fill(doctor.password);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await page.getByLabel("Comment").inputValue()).toBe("before and after");
  await page.getByText(/^Saved /).waitFor();

  await page.context().clearCookies();
  await page.getByRole("button", { name: finished }).click();
  await page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  await page.getByRole("dialog").getByLabel("Password").fill(doctor.password);
  await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  const labels = await labelsOf(image);
  expect(labels.map((each) => each.fields)).toEqual([{ comment: "before and after" }]);
  await done([UNAUTHORIZED]);
});

test("two doctors at once get different pictures of a queue with one reader, and the same ones with two", async () => {
  const [ada, bob] = [await reader("doctor"), await reader("doctor")];
  const doctors = [ada.id, bob.id];
  const [first, second] = [await visit(), await visit()];
  await assign({ mode: "queue", readers: 1, doctors, images: await images(2) });
  await Promise.all([signIn(first.page, ada, "/labelling"), signIn(second.page, bob, "/labelling")]);
  const own = await Promise.all([imageOf(first.page), imageOf(second.page)]);
  expect(new Set(own).size).toBe(2);
  for (const { page } of [first, second]) await page.getByLabel("Comment").fill("seen");
  await Promise.all([first, second].map(({ page }) => page.getByRole("button", { name: finished }).click()));
  for (const { page } of [first, second])
    await page.getByRole("heading", { name: "Nothing to do" }).waitFor();

  const [shared = 0] = await images(1);
  await assign({ mode: "queue", readers: 2, doctors, images: [shared] });
  await Promise.all(
    [first, second].map(({ page }) => page.getByRole("button", { name: "Look now" }).click()),
  );
  expect(await Promise.all([imageOf(first.page), imageOf(second.page)])).toEqual([shared, shared]);
  await first.done([UNAUTHORIZED]);
  await second.done([UNAUTHORIZED]);
});

test("what another window has changed is not overwritten: both versions are shown, and the reader chooses", async () => {
  const doctor = await reader("doctor");
  const [image = 0] = await images(1);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: [image] });
  const { page, done } = await visit();
  await signIn(page, doctor, "/labelling");
  await imageOf(page);
  const job = new URL(page.url()).pathname.split("/").at(-1);
  await page.getByLabel("Comment").fill("mine");
  await page.getByText(/^Saved /).waitFor();

  await as(doctor, "PUT", `/api/jobs/${job}/draft`, { draft: { comment: "theirs" } });
  await page.getByLabel("Comment").fill("mine again");
  const dialog = page.getByRole("dialog", { name: "There are two versions" });
  const row = dialog.getByRole("row", { name: /^Comment/ });
  await row.waitFor();
  expect(await row.getByRole("cell").allTextContents()).toEqual(["mine again", "theirs"]);
  await row.getByText("differs").waitFor();
  await checkAccessibility(page);
  await show(page, "label-versions");
  const kept = await as(doctor, "GET", `/api/jobs/${job}/draft`);
  expect(((await kept.json()) as { draft: unknown }).draft).toEqual({ comment: "theirs" });
  await dialog.getByRole("button", { name: "Go on with mine" }).click();
  await page.getByText(/^Saved /).waitFor();

  // Another client puts a label into the job, which this page has never seen.
  const made = await as(doctor, "POST", "/api/labels", { dr: true, comment: "of another client" });
  const { label_id } = (await made.json()) as { label_id: number };
  await as(doctor, "PUT", `/api/jobs/${job}`, { label_id });
  await page.getByRole("button", { name: finished }).click();
  await dialog.getByRole("row", { name: /^Diabetic retinopathy differs/ }).waitFor();
  await dialog.getByRole("button", { name: "Go on with the other" }).click();
  await expect.poll(() => page.getByLabel("Comment").inputValue()).toBe("of another client");
  expect(await labelsOf(image)).toEqual([]);

  // Somebody finishes it elsewhere.
  await page.getByLabel("Comment").fill("too late");
  await page.getByText(/^Saved /).waitFor();
  expect((await as(doctor, "PUT", `/api/jobs/${job}`, { job_state: 202 })).status).toBe(200);
  await page.getByRole("button", { name: finished }).click();
  await dialog.getByText("That one stays.").waitFor();
  await dialog.getByRole("button", { name: "Next picture" }).click();
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  const labels = await labelsOf(image);
  expect(labels.map((each) => each.fields)).toEqual([{ dr: true, comment: "of another client" }]);
  await done([UNAUTHORIZED, OUTDATED, "status of 403"]);
});

test("a link to a job of somebody else, or to none, says so", async () => {
  const [ada, bob] = [await reader("doctor"), await reader("doctor")];
  await assign({ readers: 1, doctors: [ada.id], images: await images(1) });
  const listed = await asAdministrator("GET", `/api/jobs?account_id=${ada.id}`);
  const job = ((await listed.json()) as { data: { job_id: string }[] }).data[0]?.job_id;
  const { page, done } = await visit();
  await signIn(page, bob, `/labelling/jobs/${job}`);
  await page.getByRole("heading", { name: "This picture is not yours any more" }).waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED, "status of 403"]);
});
