import { expect } from "vitest";
import { lab, type Person, sample } from "./lab";

/** An access token of a person, of a session of its own. */
export async function tokenOf(who: Person): Promise<string> {
  const signedIn = await fetch(`${lab.url}/authorization`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${who.username}:${who.password}`)}` },
  });
  return ((await signedIn.json()) as { access_token: string }).access_token;
}

/** Has pictures with these titles read by a model, by the API; the ids of the predictions. */
export async function predictions(
  token: string,
  titles: string[],
  model: string,
  file?: Buffer,
): Promise<number[]> {
  const picture = new Blob([new Uint8Array(file ?? (await sample("normal.png")))]);
  const ids: number[] = [];
  for (const title of titles) {
    const form = new FormData();
    form.append("model", model);
    form.append("title", title);
    form.append("file", picture, "picture");
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${lab.url}/api/predictions`, { method: "POST", headers, body: form });
    expect(answer.status, await answer.clone().text()).toBe(201);
    ids.push(((await answer.json()) as { id: number }).id);
  }
  return ids;
}
