import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, sample, show, signIn, visit } from "./support/lab";
import {
  UNAUTHORIZED,
  reader,
  images,
  assign,
  scheme,
  LESION,
  as,
  imageOf,
  finished,
} from "./support/labelling";

test("from sign-up to the agreement plot: two doctors, an expert, and the administrator", async () => {
  const admin = lab.administrator;
  // One expert alone, so that it is clear who settles.
  const others = await asAdministrator("GET", "/api/accounts?authority=expert");
  for (const { account_id } of ((await others.json()) as { data: { account_id: number }[] }).data)
    await asAdministrator("PUT", `/api/accounts/${account_id}`, { authority: "guest" });
  const expert = await reader("expert");
  const [ada, bob] = [await reader("doctor"), await reader("doctor")];
  const signUp = await visit();
  const newcomer = { username: `newcomer-${process.pid}`, password: "correct horse battery" };
  await signUp.page.goto(`${lab.url}/console/sign-up`);
  await signUp.page.getByLabel("User name").fill(newcomer.username);
  await signUp.page.getByLabel("Password", { exact: true }).fill(newcomer.password);
  await signUp.page.getByLabel("Password, once more").fill(newcomer.password);
  await signUp.page.getByRole("button", { name: "Make an account" }).click();
  await signUp.page.getByText("Your account is made.").waitFor();
  const listed = await asAdministrator("GET", `/api/accounts?username=${newcomer.username}`);
  const { data } = (await listed.json()) as { data: { account_id: number }[] };
  const third = data[0]?.account_id ?? 0;
  await asAdministrator("PUT", `/api/accounts/${third}`, { authority: "doctor" });
  await signIn(signUp.page, newcomer, "/labelling");
  await signUp.page.getByRole("heading", { name: "Nothing to do" }).waitFor();

  // The administrator uploads pictures, one of which is none, and asks for readers.
  const { page, done } = await visit();
  await signIn(page, admin, "/labelling/images");
  const name = await scheme(LESION, ["malignant"]);
  await page.reload();
  await page.getByLabel("Label scheme").selectOption(name);
  const pictures = [
    "cardiomegaly.jpg",
    "cardiomegaly-edema-effusion.jpg",
    "covid19-positive.jpg",
    "covid19-normal.jpg",
  ];
  const names = ["1.jpg", "2 <b>.jpg", "3 שלום.jpg", `${"4".repeat(200)}.jpg`];
  await page.getByLabel("choose files").setInputFiles([
    ...(await Promise.all(
      names.map(async (each, index) => ({
        name: each,
        mimeType: "image/jpeg",
        buffer: await sample(pictures[index] ?? ""),
      })),
    )),
    { name: "none.jpg", mimeType: "image/jpeg", buffer: Buffer.from("no picture") },
    { name: "empty.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(0) },
  ]);
  await expect.poll(() => page.getByText("Uploaded", { exact: true }).count()).toBe(4);
  await page.getByText("This is no picture, or of a kind that is not read.").waitFor();
  await page.getByText("The file is empty.", { exact: true }).waitFor();
  await checkAccessibility(page);
  await show(page, "label-images");
  const found = await asAdministrator("GET", "/api/images?state=unassigned&limit=5000");
  const unassigned = (await found.json()) as { data: { id: string; filename: string }[] };
  const uploaded = unassigned.data.slice(-4);
  expect(uploaded.map((each) => each.filename).sort()).toEqual(names);
  const wanted = uploaded.map((each) => Number(each.id));

  await page.getByRole("link", { name: "Assignments" }).click();
  await page.getByLabel("How").selectOption("assigned");
  await page.getByLabel("Which pictures").selectOption({ label: "These numbers" });
  await page.getByLabel("Numbers of pictures").fill("one to three");
  await page.getByRole("button", { name: "Make the assignment" }).click();
  await page.getByText("Numbers and ranges, such as 1, 4, 7-12.").waitFor();
  await page.getByLabel("Numbers of pictures").fill(wanted.join(", "));
  const doctors = page.locator("form", { hasText: "Ask for readers" });
  for (const each of [ada, bob])
    await doctors.getByRole("checkbox", { name: each.username, exact: true }).check();
  await checkAccessibility(page);
  await show(page, "label-assignments");
  await page.getByRole("button", { name: "Make the assignment" }).click();
  await page.getByRole("heading", { name: /^Assignment \d+$/ }).waitFor();
  const assignment = new URL(page.url()).pathname.split("/").at(-1) ?? "";
  await page.getByRole("row", { name: new RegExp(ada.username) }).waitFor();
  await checkAccessibility(page);
  await show(page, "label-assignment");

  // Two doctors label: they agree on one picture, and differ on the other; the expert settles that.
  const differing = wanted[1] ?? 0;
  for (const [doctor, grade] of [
    [ada, 1],
    [bob, 3],
  ] as const) {
    for (const [index, image] of wanted.entries()) {
      const jobs = await as(doctor, "GET", `/api/jobs?account_id=${doctor.id}&image_id=${image}`);
      const job = ((await jobs.json()) as { data: { job_id: string }[] }).data[0]?.job_id;
      const label = { scheme: name, malignant: index > 1, grade: image === differing ? grade : index };
      const made = await as(doctor, "POST", "/api/labels", label);
      const { label_id } = (await made.json()) as { label_id: number };
      const done = await as(doctor, "PUT", `/api/jobs/${job}`, { label_id, job_state: 202 });
      expect(done.status).toBe(200);
    }
  }
  const settling = await visit();
  await signIn(settling.page, expert, "/labelling");
  expect(await imageOf(settling.page)).toBe(differing);
  const row = settling.page.getByRole("row", { name: /^Grade differs/ });
  await row.waitFor();
  expect((await row.getByRole("cell").allTextContents()).sort()).toEqual(["1", "3"]);
  await checkAccessibility(settling.page);
  await show(settling.page, "label-settle");
  await settling.page.goto(`${lab.url}/console/labelling/images?state=different`);
  await settling.page.getByRole("link", { name: String(differing), exact: true }).click();
  await settling.page.getByRole("button", { name: `Take this one: ${bob.username}` }).click();
  await settling.page.getByLabel("Comment").fill("agreed");
  await settling.page.getByRole("button", { name: finished }).click();
  await settling.page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  await settling.done([UNAUTHORIZED]);

  await page.getByRole("link", { name: "Agreement in this assignment" }).click();
  await page.getByLabel("Label scheme").selectOption(name);
  await expect.poll(() => new URL(page.url()).searchParams.get("scheme")).toBe(name);
  await expect.poll(() => new URL(page.url()).searchParams.get("assignment")).toBe(assignment);
  const chosen = page.getByLabel("Assignment", { exact: true }).locator("option:checked");
  await expect.poll(() => chosen.textContent()).toMatch(new RegExp(`^${assignment} \\(`));
  const plot = page.getByRole("img", { name: /^Fleiss' kappa by field/ });
  await show(page, "label-agreement");
  await plot.locator("svg circle").first().waitFor({ state: "attached" });
  await page.getByLabel("Doctor", { exact: true }).selectOption({ label: bob.username });
  await page.getByLabel("Field", { exact: true }).selectOption("grade");
  await page
    .getByRole("img", { name: /^Grade as/ })
    .locator("svg rect")
    .first()
    .waitFor({ state: "attached" });
  for (const summary of await page.getByText("As a table").all()) await summary.click();
  const kappa = page
    .getByRole("table")
    .first()
    .getByRole("row", { name: /^Grade/ });
  const agreement = await asAdministrator("GET", `/api/agreement?scheme=${name}&assignment_id=${assignment}`);
  const { fields } = (await agreement.json()) as {
    fields: { field: string; fleiss_kappa: { value: number } }[];
  };
  const value = fields.find((each) => each.field === "grade")?.fleiss_kappa.value ?? Number.NaN;
  expect(await kappa.getByRole("cell").first().textContent()).toBe(value.toFixed(2));
  await checkAccessibility(page);
  await show(page, "label-agreement");
  await page.getByRole("link", { name: "Exports" }).click();
  await page.getByLabel("Format").selectOption("jsonl");
  await page.getByRole("button", { name: "Make an export" }).click();
  const made = page.getByRole("row").filter({ hasText: "jsonl" }).first();
  await made.getByText("Ready").waitFor();
  await checkAccessibility(page);
  await show(page, "label-exports");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    made.getByRole("link", { name: "Download" }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^export-\d+\.jsonl$/);
  const exported = /\d+/.exec(download.suggestedFilename())?.[0];
  await page.getByRole("button", { name: `Delete export ${exported}` }).click();
  const question = page.getByRole("dialog", { name: `Delete export ${exported}?` });
  await question.getByRole("button", { name: "Cancel" }).click();
  const kept = page
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader", { name: exported, exact: true }) });
  await kept.getByRole("cell", { name: /^Ready/ }).waitFor();
  await page.getByRole("button", { name: `Delete export ${exported}` }).click();
  await question.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("rowheader", { name: exported, exact: true }).waitFor({ state: "detached" });
  await signUp.done([UNAUTHORIZED]);
  await done([UNAUTHORIZED, "status of 400"]);
});

test("whoever is away gives the open work to others", async () => {
  const admin = lab.administrator;
  const [ada, bob] = [await reader("doctor"), await reader("doctor")];
  await assign({ readers: 1, doctors: [ada.id], images: await images(2) });
  const { page, done } = await visit();
  await signIn(page, admin, "/labelling/assignments");
  const form = page.locator("form", { hasText: "Somebody is away" });
  await form.getByLabel("Open work of").selectOption({ label: ada.username });
  await form.getByRole("checkbox", { name: bob.username, exact: true }).check();
  await form.getByRole("button", { name: "Give it to others" }).click();
  await form.getByText("2 jobs went to others").waitFor();
  const jobs = await asAdministrator("GET", `/api/jobs?account_id=${bob.id}`);
  expect(((await jobs.json()) as { total: number }).total).toBe(2);
  await done([UNAUTHORIZED]);
});

test("the pages of administrators in Chinese, dark, at 360 pixels", async () => {
  const admin = lab.administrator;
  await images(1);
  const { page, done } = await visit({ width: 360, height: 740, locale: "zh-CN", dark: true });
  await page.goto(`${lab.url}/console/labelling/images`);
  await page.getByLabel("用户名").fill(admin.username);
  await page.getByLabel("密码").fill(admin.password);
  await page.getByRole("button", { name: "登录" }).click();
  await page.getByRole("navigation").first().waitFor();
  for (const [path, heading] of [
    ["images", "待标注图像"],
    ["assignments", "任务分配"],
    ["agreement", "一致性"],
    ["exports", "导出"],
  ] as const) {
    await page.goto(`${lab.url}/console/labelling/${path}`);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    await page.waitForLoadState("networkidle");
    await checkAccessibility(page);
    await show(page, `label-${path}-chinese-dark-small`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  }
  await done([UNAUTHORIZED]);
});
