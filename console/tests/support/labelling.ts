import type { Page } from "playwright-core";
import { expect } from "vitest";
import { asAdministrator, lab, type Person, person, sample } from "./lab";

export const UNAUTHORIZED = "status of 401";
export const OUTDATED = "status of 412";

export interface Named {
  id: number;
}

/** A doctor whose id is known. */
export async function reader(authority: "doctor" | "expert"): Promise<Person & Named> {
  const made = await person(authority);
  const listed = await asAdministrator("GET", `/api/accounts?username=${made.username}`);
  const { data } = (await listed.json()) as { data: { account_id: number }[] };
  return { ...made, id: data[0]?.account_id ?? 0 };
}

/** Pictures that are to be labelled; the ids of their images. */
export async function images(count: number, scheme?: string): Promise<number[]> {
  const form = new FormData();
  const picture = await sample("covid19-normal.jpg");
  for (let index = 0; index < count; index += 1)
    form.append("file", new Blob([new Uint8Array(picture)]), `fundus-${index}.jpg`);
  if (scheme) form.append("scheme", scheme);
  const answer = await asAdministrator("POST", "/api/uploads/medical-images", form);
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { data: { id: string }[] }).data.map((each) => Number(each.id));
}

export async function assign(body: Record<string, unknown>): Promise<number> {
  const answer = await asAdministrator("POST", "/api/assignments", body);
  expect(answer.status, await answer.clone().text()).toBe(201);
  return ((await answer.json()) as Named).id;
}

let schemes = 0;

export async function scheme(
  properties: Record<string, unknown>,
  required: string[] = [],
  title = "A lesion",
): Promise<string> {
  const name = `lesion-${process.pid}-${++schemes}`;
  const schema = { type: "object", properties, required };
  const answer = await asAdministrator("POST", "/api/schemes", { name, title, schema });
  expect(answer.status, await answer.clone().text()).toBe(201);
  return name;
}

export const LESION = {
  malignant: { type: "boolean", title: "Malignant", description: "By what is seen alone." },
  grade: { type: "integer", minimum: 0, maximum: 4, "x-ordered": true },
  border: { enum: ["sharp", "blurred", "irregular"] },
  seen: { type: "array", uniqueItems: true, items: { enum: ["network", "globules", "streaks"] } },
  diameter: { type: "number", minimum: 0, maximum: 90, title: "Diameter in mm" },
  place: { type: "object", properties: { side: { enum: ["left", "right"] }, region: { type: "string" } } },
  comment: { type: "string", maxLength: 2000 },
};

/** The request of somebody, with a token of an own session. */
export async function as(who: Person, method: string, path: string, body?: unknown): Promise<Response> {
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

export interface SeenLabel {
  account_id: number;
  fields: Record<string, unknown>;
  seconds: number | null;
}

export async function labelsOf(image: number): Promise<SeenLabel[]> {
  const answer = await asAdministrator("GET", `/api/images/${image}/labels`);
  return ((await answer.json()) as { labels: SeenLabel[] }).labels;
}

export async function imageOf(page: Page): Promise<number> {
  const heading = page.getByRole("heading", { level: 1, name: /^Label picture / });
  await heading.waitFor();
  return Number((await heading.textContent())?.replace(/\D+/g, ""));
}

export const finished = /^Finish, and next/;
