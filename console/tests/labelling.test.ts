import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import {
  asAdministrator,
  lab,
  launch,
  person,
  type Person,
  sample,
  show,
  signIn,
  visit,
} from "./support/lab";

let browser: Browser;

beforeAll(async () => {
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
});

const UNAUTHORIZED = "status of 401";
const OUTDATED = "status of 412";

interface Named {
  id: number;
}

/** A doctor whose id is known. */
async function reader(authority: "doctor" | "expert"): Promise<Person & Named> {
  const made = await person(authority);
  const listed = await asAdministrator("GET", `/api/accounts?username=${made.username}`);
  const { data } = (await listed.json()) as { data: { account_id: number }[] };
  return { ...made, id: data[0]?.account_id ?? 0 };
}

/** Pictures that are to be labelled; the ids of their images. */
async function images(count: number, scheme?: string): Promise<number[]> {
  const form = new FormData();
  const picture = await sample("covid19-normal.jpg");
  for (let index = 0; index < count; index += 1)
    form.append("file", new Blob([new Uint8Array(picture)]), `fundus-${index}.jpg`);
  if (scheme) form.append("scheme", scheme);
  const answer = await asAdministrator("POST", "/api/uploads/medical-images", form);
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { data: { id: string }[] }).data.map((each) => Number(each.id));
}

async function assign(body: Record<string, unknown>): Promise<number> {
  const answer = await asAdministrator("POST", "/api/assignments", body);
  expect(answer.status, await answer.clone().text()).toBe(201);
  return ((await answer.json()) as Named).id;
}

let schemes = 0;

async function scheme(properties: Record<string, unknown>, required: string[] = []): Promise<string> {
  const name = `lesion-${process.pid}-${++schemes}`;
  const schema = { type: "object", properties, required };
  const answer = await asAdministrator("POST", "/api/schemes", { name, title: "A lesion", schema });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return name;
}

const LESION = {
  malignant: { type: "boolean", title: "Malignant", description: "By what is seen alone." },
  grade: { type: "integer", minimum: 0, maximum: 4, "x-ordered": true },
  border: { enum: ["sharp", "blurred", "irregular"] },
  seen: { type: "array", uniqueItems: true, items: { enum: ["network", "globules", "streaks"] } },
  diameter: { type: "number", minimum: 0, maximum: 90, title: "Diameter in mm" },
  place: { type: "object", properties: { side: { enum: ["left", "right"] }, region: { type: "string" } } },
  comment: { type: "string", maxLength: 2000 },
};

/** The request of somebody, with a token of an own session. */
async function as(who: Person, method: string, path: string, body?: unknown): Promise<Response> {
  const basic = btoa(`${who.username}:${who.password}`);
  const signedIn = await fetch(`${lab.url}/authorization`, {
    method: "POST",
    headers: { authorization: `Basic ${basic}` },
  });
  const { access_token } = (await signedIn.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${access_token}`, "content-type": "application/json" };
  return fetch(lab.url + path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

interface SeenLabel {
  account_id: number;
  fields: Record<string, unknown>;
  seconds: number | null;
}

async function labelsOf(image: number): Promise<SeenLabel[]> {
  const answer = await asAdministrator("GET", `/api/images/${image}/labels`);
  return ((await answer.json()) as { labels: SeenLabel[] }).labels;
}

async function imageOf(page: Page): Promise<number> {
  const heading = page.getByRole("heading", { level: 1, name: /^Label picture / });
  await heading.waitFor();
  return Number((await heading.textContent())?.replace(/\D+/g, ""));
}

const finished = /^Finish, and next/;

test("a doctor labels picture after picture by the keyboard alone, and the next one is there at once", async () => {
  const doctor = await reader("doctor");
  const name = await scheme(LESION, ["malignant"]);
  const wanted = await images(3, name);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: wanted });
  const { page, done } = await visit(browser);
  await signIn(page, doctor, "/labelling");
  const first = await imageOf(page);
  await page.locator("img.current").waitFor();
  expect(new URL(page.url()).pathname).toMatch(/^\/console\/labelling\/jobs\/\d+$/);
  await checkAccessibility(page);
  await show(page, "label");

  await page.keyboard.press("Control+Enter");
  await page.getByText("This has to be filled in.").waitFor();
  await checkAccessibility(page);
  await page.keyboard.press("1"); // malignant, and on to the grade
  await page.keyboard.press("3");
  await page.keyboard.press("2"); // blurred
  await page.keyboard.press("1");
  await page.keyboard.press("3"); // network and streaks
  await page.keyboard.press("d");
  await page.keyboard.type("12,5");
  await page.keyboard.press("Escape");
  const shortcut = async (label: string) =>
    (await page.locator(".field", { hasText: label }).locator(".name kbd").textContent()) ?? "";
  await page.keyboard.press((await shortcut("Side")).toLowerCase());
  await page.keyboard.press("2");
  await page.keyboard.press((await shortcut("Comment")).toLowerCase());
  await page.keyboard.type("sd12+ [ ?"); // all of which are commands elsewhere
  await page.getByText(/^Saved /).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await checkAccessibility(page);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("[");
  await expect.poll(() => page.locator("img.current").getAttribute("src")).toContain("green_channel=true");
  await page.keyboard.press("[");
  await page.locator("img.current").waitFor();
  const ahead = page.locator("img:not(.current)");
  await expect.poll(() => ahead.evaluate((each: HTMLImageElement) => each.complete)).toBe(true);
  const before = await page.locator("img.current").getAttribute("src");
  await page.evaluate(() => {
    const started = { at: 0, shown: 0, seen: [] as string[] };
    Object.assign(globalThis, { started });
    const press = (event: KeyboardEvent): void => {
      if (event.key !== "Enter" || !event.ctrlKey) return;
      const old = document.querySelector("img.current")?.getAttribute("src");
      started.at = performance.now();
      const watch = (): void => {
        const now = document.querySelector("img.current")?.getAttribute("src") ?? "";
        if (now !== started.seen.at(-1)) started.seen.push(now);
        requestAnimationFrame(watch);
      };
      watch();
      const look = (): void => {
        const now = document.querySelector<HTMLImageElement>("img.current");
        if (now && now.complete && now.getAttribute("src") !== old) started.shown = performance.now();
        else requestAnimationFrame(look);
      };
      look();
    };
    addEventListener("keydown", press, { capture: true }); // before the page has done anything
  });
  await page.keyboard.press("Control+Enter");
  await expect.poll(async () => imageOf(page)).not.toBe(first);
  expect(await page.locator("img.current").getAttribute("src")).not.toBe(before);
  const { took, seen } = await page.evaluate(() => {
    const { started } = globalThis as unknown as { started: { at: number; shown: number; seen: string[] } };
    return { took: started.shown - started.at, seen: started.seen };
  });
  expect(seen, "never the old one again").toEqual([
    before,
    await page.locator("img.current").getAttribute("src"),
  ]);
  console.log(`the next picture was there after ${took.toFixed(1)} ms`);
  expect(took).toBeGreaterThan(0);

  const [label] = await labelsOf(first);
  expect(label?.fields).toEqual({
    malignant: true,
    grade: 3,
    border: "blurred",
    seen: ["network", "streaks"],
    diameter: 12.5,
    place: { side: "right" },
    comment: "sd12+ [ ?",
  });
  for (let rest = 2; rest > 0; rest -= 1) {
    await page.locator(".choices input:focus").first().waitFor();
    await page.keyboard.press("2");
    await page.keyboard.press("Control+Enter");
    await page.waitForResponse(
      (answer) => answer.url().endsWith("/api/assignments/next") && answer.request().method() === "POST",
    );
  }
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  await page.getByText(/looks again at \d\d:\d\d:\d\d/).waitFor();
  await checkAccessibility(page);
  await show(page, "label-nothing");
  for (const image of wanted) expect(await labelsOf(image)).toHaveLength(1);
  await done([UNAUTHORIZED]);
});

test("a draft is there again after a reload, also what the server has not heard of", async () => {
  const doctor = await reader("doctor");
  const [image = 0] = await images(1);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: [image] });
  const { page, done } = await visit(browser);
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

test("a doctor whose session ends while typing signs in again, and nothing is lost", async () => {
  const doctor = await reader("doctor");
  const [image = 0] = await images(1);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: [image] });
  const { page, done } = await visit(browser);
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
  const [first, second] = [await visit(browser), await visit(browser)];
  await assign({ mode: "queue", readers: 1, doctors, images: await images(2) });
  await Promise.all([signIn(first.page, ada, "/labelling"), signIn(second.page, bob, "/labelling")]);
  const own = await Promise.all([imageOf(first.page), imageOf(second.page)]);
  expect(new Set(own).size).toBe(2);
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
  const { page, done } = await visit(browser);
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

test("only the time counts in which the page is in sight", async () => {
  const doctor = await reader("doctor");
  const [image = 0] = await images(1);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: [image] });
  const { page, done } = await visit(browser);
  await signIn(page, doctor, "/labelling");
  await imageOf(page);
  await page.locator(".choices input:focus").first().waitFor();
  await page.evaluate(async () => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
    await new Promise((resolve) => setTimeout(resolve, 5000));
    Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await page.keyboard.press("1");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  const answer = await asAdministrator("GET", `/api/images/${image}/history`);
  const { history } = (await answer.json()) as {
    history: { at: string; to_state: number; job_id: number | null }[];
  };
  const at = (state: number) => Date.parse(history.find((each) => each.to_state === state)?.at ?? "");
  const [label] = await labelsOf(image);
  const passed = (at(202) - at(201)) / 1000;
  expect(passed).toBeGreaterThan(5);
  expect(label?.seconds).toBeLessThan(passed - 4.5);
  expect(label?.seconds).toBeGreaterThan(0);
  await done([UNAUTHORIZED]);
});

test("what a model suggests is seen where the study shows it, and nowhere else", async () => {
  const doctor = await reader("doctor");
  const [blinded = 0, shown = 0] = await images(2);
  for (const image of [blinded, shown]) {
    const asked = await asAdministrator("POST", `/api/images/${image}/suggestions`, {
      model: "chest-findings",
    });
    expect(asked.status).toBe(201);
  }
  const { page, done } = await visit(browser);
  await assign({ readers: 1, doctors: [doctor.id], images: [blinded] });
  await signIn(page, doctor, "/labelling");
  expect(await imageOf(page)).toBe(blinded);
  await page.waitForLoadState("networkidle");
  expect(await page.getByText(/^Suggestion of/).count()).toBe(0);
  await page.getByRole("button", { name: finished }).click();
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  await assign({ readers: 1, doctors: [doctor.id], images: [shown], shows_suggestions: true });
  await page.getByRole("button", { name: "Look now" }).click();
  await page.getByRole("heading", { name: /^Suggestion of chest-findings/ }).waitFor();
  await checkAccessibility(page);
  await show(page, "label-suggestion");
  await done([UNAUTHORIZED]);
});

test("in Chinese, dark, at 360 pixels, with the built-in scheme", async () => {
  const doctor = await reader("doctor");
  await assign({ readers: 1, doctors: [doctor.id], images: await images(1) });
  const { page, done } = await visit(browser, { width: 360, height: 640, locale: "zh-CN", dark: true });
  await page.goto(`${lab.url}/console/labelling`);
  await page.getByLabel("用户名").fill(doctor.username);
  await page.getByLabel("密码").fill(doctor.password);
  await page.getByRole("button", { name: "登录" }).click();
  await page.getByRole("radiogroup", { name: "糖尿病视网膜病变", exact: true }).waitFor();
  await page.locator("img.current").waitFor();
  await checkAccessibility(page);
  await show(page, "label-chinese-dark-small");
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(360);
  await page.locator(".choices label", { hasText: "是" }).first().click();
  await page.getByText(/^已保存/).waitFor();
  await page.getByRole("button", { name: /^完成并继续/ }).click();
  await page.getByRole("heading", { name: "暂无任务" }).waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED]);
});

test("a link to a job of somebody else, or to none, says so", async () => {
  const [ada, bob] = [await reader("doctor"), await reader("doctor")];
  await assign({ readers: 1, doctors: [ada.id], images: await images(1) });
  const listed = await asAdministrator("GET", `/api/jobs?account_id=${ada.id}`);
  const job = ((await listed.json()) as { data: { job_id: string }[] }).data[0]?.job_id;
  const { page, done } = await visit(browser);
  await signIn(page, bob, `/labelling/jobs/${job}`);
  await page.getByRole("heading", { name: "This picture is not yours any more" }).waitFor();
  await checkAccessibility(page);
  await done([UNAUTHORIZED, "status of 403"]);
});

test("from sign-up to the agreement plot: two doctors, an expert, and the administrator", async () => {
  const admin = lab.administrator;
  // One expert alone, so that it is clear who settles.
  const others = await asAdministrator("GET", "/api/accounts?authority=expert");
  for (const { account_id } of ((await others.json()) as { data: { account_id: number }[] }).data)
    await asAdministrator("PUT", `/api/accounts/${account_id}`, { authority: "guest" });
  const expert = await reader("expert");
  const [ada, bob] = [await reader("doctor"), await reader("doctor")];
  const signUp = await visit(browser);
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
  const { page, done } = await visit(browser);
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
  await expect.poll(() => page.getByText("This is no picture that can be read").count()).toBe(2);
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
  const settling = await visit(browser);
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
  expect(new URL(page.url()).searchParams.get("assignment")).toBe(assignment);
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
  await page.getByText("Ready").first().waitFor();
  await checkAccessibility(page);
  await show(page, "label-exports");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Download" }).first().click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/^export-\d+\.jsonl$/);
  const exported = /\d+/.exec(download.suggestedFilename())?.[0];
  await page.getByRole("button", { name: `Delete export ${exported}` }).click();
  await page.getByRole("rowheader", { name: exported, exact: true }).waitFor({ state: "detached" });
  await signUp.done([UNAUTHORIZED]);
  await done([UNAUTHORIZED, "status of 400"]);
});

test("an administrator settles what differs, and sees it when somebody was quicker", async () => {
  const admin = lab.administrator;
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
  const { page, done } = await visit(browser);
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
  expect(await result()).toBe(String(labels[0]));

  await page.getByText("Own label").click();
  await page.getByLabel("Comment").fill("of the administrator");
  await page.getByRole("button", { name: "This is the result" }).click();
  await expect.poll(result).not.toBe(String(labels[0]));
  await page.getByText(/^What has happened/).click();
  await page
    .getByRole("row", { name: /Job \d+ from 201 to 202/ })
    .first()
    .waitFor();
  await checkAccessibility(page);
  await show(page, "label-review");
  await done([UNAUTHORIZED, OUTDATED]);
});

test("whoever is away gives the open work to others", async () => {
  const admin = lab.administrator;
  const [ada, bob] = [await reader("doctor"), await reader("doctor")];
  await assign({ readers: 1, doctors: [ada.id], images: await images(2) });
  const { page, done } = await visit(browser);
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
  const { page, done } = await visit(browser, { width: 360, height: 740, locale: "zh-CN", dark: true });
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

test("what only the server finds wrong is said at its field, and a finished job is shown as it was", async () => {
  const doctor = await reader("doctor");
  const name = await scheme({ code: { type: "string", not: { const: "x" } }, seen: { type: "object" } });
  await assign({ readers: 1, doctors: [doctor.id], images: await images(1, name) });
  const { page, done } = await visit(browser);
  await signIn(page, doctor, "/labelling");
  await imageOf(page);
  const job = new URL(page.url()).pathname;
  await page.getByLabel("Code").fill("x");
  await page.getByLabel("Seen").fill('{"much": ');
  await page.getByRole("button", { name: finished }).click();
  await page.getByText("This is no JSON.").waitFor();
  await page.getByLabel("Seen").fill('{"much": true}');
  await page.getByRole("button", { name: finished }).click();
  await page.locator("[data-field=code] .error").waitFor();
  await checkAccessibility(page);
  expect(await page.getByLabel("Code").evaluate((each) => each === document.activeElement)).toBe(true);
  await page.getByLabel("Code").fill("y");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  await page.goto(lab.url + job);
  await page.getByText("You have finished this picture.").waitFor();
  expect(await page.getByLabel("Seen").inputValue()).toBe('{"much":true}');
  expect(await page.getByLabel("Seen").isDisabled()).toBe(true);
  await checkAccessibility(page);
  await page.keyboard.press("Control+Enter");
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  await done([UNAUTHORIZED, "status of 400"]);
});

test("a picture that can't be loaded says so, and is loaded again", async () => {
  const doctor = await reader("doctor");
  await assign({ readers: 1, doctors: [doctor.id], images: await images(1) });
  const { page, done } = await visit(browser);
  await page.route("**/api/uploads/medical-images/*", (route) => route.fulfill({ status: 503 }));
  await signIn(page, doctor, "/labelling");
  await page.getByText("The picture can't be loaded.").waitFor();
  await checkAccessibility(page);
  await page.unroute("**/api/uploads/medical-images/*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("img.current").waitFor();
  await done([UNAUTHORIZED, "status of 503"]);
});
