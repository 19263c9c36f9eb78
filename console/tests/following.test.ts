import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { file, folder, png } from "./support/gallery";
import { asAdministrator, lab, person, sample, signIn, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
const UNAVAILABLE = "status of 503";

test("the list of exports follows one that is being made, also over an error", async () => {
  const made = await asAdministrator("POST", "/api/exports", { format: "csv" });
  const { id } = (await made.json()) as { id: number };
  const { page, done } = await visit();
  let asked = 0;
  await page.route("**/api/exports?*", async (route) => {
    asked++;
    if (asked === 2) return route.fulfill({ status: 503, body: "" });
    const response = await route.fetch();
    const list = (await response.json()) as { exports: { id: number; state: string }[] };
    if (asked === 1) for (const each of list.exports) if (each.id === id) each.state = "running";
    return route.fulfill({ response, json: list });
  });
  await signIn(page, lab.administrator, "/labelling/exports");
  const row = page
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader", { name: String(id), exact: true }) });
  await row.getByText("Being made").waitFor();
  await page.getByRole("alert").getByText("The server is busy").waitFor();
  await row.getByText("Ready").waitFor();
  await page.getByRole("alert").waitFor({ state: "detached" });
  await done([UNAUTHORIZED, UNAVAILABLE]);
});

test("the list of devices follows what arrives, without a word that it is being read", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/devices");
  await page.getByText("Connected: new pictures appear by themselves.").waitFor();
  const statuses = await page.evaluateHandle(() => {
    const seen: string[] = [];
    new MutationObserver(() => {
      for (const each of document.querySelectorAll("[role=status]")) seen.push(each.textContent);
    }).observe(document.body, { childList: true, characterData: true, subtree: true });
    return seen;
  });
  const name = `follower-${process.pid}`;
  for (const count of [1, 2]) {
    const imageData = (await sample("normal.png")).toString("base64");
    const body = { deviceId: name, timestamp: `2025-01-02T03:04:0${count}Z`, imageData };
    expect((await asAdministrator("POST", "/collections/images", body)).ok).toBe(true);
    const row = page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });
    await row.getByRole("cell", { name: String(count), exact: true }).waitFor();
  }
  expect(await statuses.jsonValue()).not.toContain("Loading ...");
  await done([UNAUTHORIZED]);
});

test("an addition is followed in each folder that one looks into, also if it can't be read", async () => {
  const another = `another ${process.pid}`;
  const id = await folder("followed");
  await file(id, "followed.png", png(40, 30, 77));
  await folder(another);
  const { page, done } = await visit();
  await page.route("**/api/gallery/additions/*", (route) => route.fulfill({ status: 503, body: "" }));
  await signIn(page, lab.administrator, `/gallery/drive?folder=${id}`);
  await page.getByLabel("Select all files").check();
  await page.getByRole("button", { name: "Add 1 file to a group" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
  const end = page.getByRole("status").getByText("All is done.");
  await end.waitFor();
  await page.getByRole("alert").getByText("The server is busy").waitFor();
  await checkAccessibility(page);
  await page.getByRole("link", { name: another }).click();
  await page.getByRole("heading", { name: another, level: 2 }).waitFor();
  await end.waitFor();
  await page.getByRole("button", { name: "Close", exact: true }).click();
  await end.waitFor({ state: "detached" });
  await page.getByRole("heading", { name: another, level: 2 }).waitFor();
  await done([UNAUTHORIZED, UNAVAILABLE]);
});
