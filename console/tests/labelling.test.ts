import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, show, signIn, visit } from "./support/lab";
import {
  UNAUTHORIZED,
  reader,
  images,
  assign,
  scheme,
  LESION,
  labelsOf,
  imageOf,
  finished,
} from "./support/labelling";

test("a doctor labels picture after picture by the keyboard alone, and the next one is there at once", async () => {
  const doctor = await reader("doctor");
  const name = await scheme(LESION, ["malignant"]);
  const wanted = await images(3, name);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: wanted });
  const { page, done } = await visit();
  await signIn(page, doctor, "/labelling");
  const first = await imageOf(page);
  await page.locator("img.current").waitFor();
  await expect.poll(() => new URL(page.url()).pathname).toMatch(/^\/console\/labelling\/jobs\/\d+$/);
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
    const next = page.waitForResponse(
      (answer) => answer.url().endsWith("/api/assignments/next") && answer.request().method() === "POST",
    );
    await page.keyboard.press("Control+Enter");
    await next;
  }
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  await page.getByText(/looks again at \d\d:\d\d:\d\d/).waitFor();
  await checkAccessibility(page);
  await show(page, "label-nothing");
  for (const image of wanted) expect(await labelsOf(image)).toHaveLength(1);
  await done([UNAUTHORIZED]);
});

test("only the time counts in which the page is in sight", async () => {
  const doctor = await reader("doctor");
  const [image = 0] = await images(1);
  await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: [image] });
  const { page, done } = await visit();
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
    const made = await asAdministrator("POST", `/api/images/${image}/suggestions`, {
      model: "chest-findings",
    });
    expect(made.status).toBe(201);
  }
  const { page, done } = await visit();
  let asked = 0;
  page.on("request", (request) => (asked += request.url().endsWith("/suggestions") ? 1 : 0));
  await assign({ readers: 1, doctors: [doctor.id], images: [blinded] });
  await signIn(page, doctor, "/labelling");
  expect(await imageOf(page)).toBe(blinded);
  await page.getByLabel("Comment").fill("seen");
  await page.getByRole("button", { name: finished }).click();
  await page.getByRole("heading", { name: "Nothing to do" }).waitFor();
  expect(asked).toBe(0);
  await assign({ readers: 1, doctors: [doctor.id], images: [shown], shows_suggestions: true });
  await page.getByRole("button", { name: "Look now" }).click();
  await page.getByRole("heading", { name: /^Suggestion of chest-findings/ }).waitFor();
  expect(asked).toBe(1);
  await checkAccessibility(page);
  await show(page, "label-suggestion");
  await done([UNAUTHORIZED]);
});

test("in Chinese, dark, at 360 pixels, with the built-in scheme", async () => {
  const doctor = await reader("doctor");
  await assign({ readers: 1, doctors: [doctor.id], images: await images(1) });
  const { page, done } = await visit({ width: 360, height: 640, locale: "zh-CN", dark: true });
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

test("what only the server finds wrong is said at its field, and a finished job is shown as it was", async () => {
  const doctor = await reader("doctor");
  const name = await scheme({ code: { type: "string", not: { const: "x" } }, seen: { type: "object" } });
  await assign({ readers: 1, doctors: [doctor.id], images: await images(1, name) });
  const { page, done } = await visit();
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
  const { page, done } = await visit();
  await page.route("**/api/uploads/medical-images/*", (route) => route.fulfill({ status: 503 }));
  await signIn(page, doctor, "/labelling");
  await page.getByText("The picture can't be loaded.").waitFor();
  await checkAccessibility(page);
  await page.unroute("**/api/uploads/medical-images/*");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator("img.current").waitFor();
  await done([UNAUTHORIZED, "status of 503"]);
});
