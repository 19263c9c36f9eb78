import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Locator, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";

/** The platform that the tests drive, and what they need of it; `tests/console/test_browser.py` gives them. */
export const lab = {
  url: given("LIGHTBOX_TEST_URL"),
  /** The same by the name of this machine, as passkeys need it. */
  urlByName: given("LIGHTBOX_TEST_URL").replace("127.0.0.1", "localhost"),
  administrator: { username: "admin", password: given("LIGHTBOX_TEST_ADMIN_PASSWORD") },
  samples: given("LIGHTBOX_TEST_SAMPLES"),
  /** The folder for pictures of the pages, to look at; undefined for none. */
  screenshots: process.env.LIGHTBOX_TEST_SCREENSHOTS,
};

export interface Person {
  username: string;
  password: string;
}

function given(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: \`make test-console\` runs these tests`);
  return value;
}

export async function sample(name: string): Promise<Buffer> {
  return readFile(join(lab.samples, name));
}

/** The browser of the file of tests that imports this: as people have it, but for the sandbox, which root can't have. */
let browser: Browser;

beforeAll(async () => {
  browser = await chromium.launch({
    executablePath: process.env.LIGHTBOX_TEST_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  });
});

afterAll(async () => {
  await browser.close();
});

/**
 * A page of a new visitor. At its end, `done` fails the test if the page asked for anything of another host, or if the
 * browser's console has an error. `expected` are parts of errors that belong to the test.
 */
export async function visit(
  options: {
    width?: number;
    height?: number;
    locale?: string;
    dark?: boolean;
    url?: string;
    zone?: string;
  } = {},
): Promise<{ page: Page; done: (expected?: string[]) => Promise<void> }> {
  const url = options.url ?? lab.url;
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: options.width ?? 1280, height: options.height ?? 800 },
    locale: options.locale ?? "en-GB",
    colorScheme: options.dark ? "dark" : "light",
    timezoneId: options.zone ?? "Europe/Berlin",
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on("request", (request) => {
    if (/^https?:/.test(request.url()) && !request.url().startsWith(`${url}/`)) strangers.push(request.url());
  });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  return {
    page,
    done: async (expected = []) => {
      await context.close();
      expect(strangers).toEqual([]);
      expect(complaints.filter((each) => !expected.some((part) => each.includes(part)))).toEqual([]);
    },
  };
}

export async function signIn(page: Page, person: Person, path = "/"): Promise<void> {
  await page.goto(`/console${path}`);
  await page.getByLabel("User name").fill(person.username);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
}

/** A message at the edge of the page, by its whole text; what is said to screen readers of it is another element. */
export function toast(page: Page, text: string): Locator {
  return page.getByText(text, { exact: true });
}

let people = 0;

/** An account that an administrator has approved, by the API. */
export async function person(authority: "doctor" | "expert" | "guest" | "admin"): Promise<Person> {
  const username = `${authority}-${process.pid}-${++people}`;
  const made = { username, password: "correct horse battery" };
  const answer = await asAdministrator("POST", "/api/accounts", { ...made, authority });
  expect(answer.status).toBe(201);
  return made;
}

let token = "";

/** A request of the administrator, by the API. */
export async function asAdministrator(method: string, path: string, body?: unknown): Promise<Response> {
  if (token === "") {
    const { username, password } = lab.administrator;
    const signedIn = await fetch(`${lab.url}/authorization`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${username}:${password}`)}` },
    });
    token = ((await signedIn.json()) as { access_token: string }).access_token;
  }
  const headers: Record<string, string> = { authorization: `Bearer ${token}` };
  if (body === undefined) return fetch(lab.url + path, { method, headers });
  if (body instanceof FormData) return fetch(lab.url + path, { method, headers, body });
  headers["content-type"] = "application/json";
  return fetch(lab.url + path, { method, headers, body: JSON.stringify(body) });
}

/** Takes a picture of the page, if there is a folder for it. */
export async function show(page: Page, name: string): Promise<void> {
  if (lab.screenshots) await page.screenshot({ path: join(lab.screenshots, `${name}.png`) });
}
