import { expect, test, vi } from "vitest";
import { Problem } from "./problem";

vi.stubGlobal("location", { origin: "http://lab.example" });
const { ifMatch, isOutdated, otherUnlessWritten, versionOf } = await import("./versions");

const OUTDATED = new Problem(412, "What is stored is not what the request is about.");

function answer(status: number, headers: Record<string, string>, data?: unknown) {
  return Promise.resolve({ data, response: new Response(null, { status, headers }) });
}

test("an answer is read with its entity tag, which a change names", async () => {
  const version = await versionOf(answer(200, { etag: '"7"' }, { title: "first" }));
  expect(version).toEqual({ data: { title: "first" }, tag: '"7"' });
  expect(new Headers(ifMatch(version.tag)).get("if-match")).toBe('"7"');
});

test("a change without a known version names none, and not every one", async () => {
  const { tag } = await versionOf(answer(200, {}, {}));
  expect(new Headers(ifMatch(tag)).get("if-match")).toBe("");
});

test("what is no success is thrown", async () => {
  await expect(versionOf(answer(404, {}))).rejects.toMatchObject({ status: 404 });
});

test("only a version that is not stored any more is outdated", () => {
  expect(isOutdated(OUTDATED)).toBe(true);
  for (const other of [new Problem(409, ""), new Problem(0, ""), new Error("412")])
    expect(isOutdated(other)).toBe(false);
});

test("the other version is read only where the change was refused for it", async () => {
  const read = vi.fn(() => Promise.resolve("theirs"));
  expect(await otherUnlessWritten(() => Promise.resolve(), read)).toBeUndefined();
  await expect(
    otherUnlessWritten(() => Promise.reject(new Problem(422, "It is bad.")), read),
  ).rejects.toThrow("It is bad.");
  expect(read).not.toHaveBeenCalled();
  expect(await otherUnlessWritten(() => Promise.reject(OUTDATED), read)).toBe("theirs");
});

test("whoever can't read the other version is told why", async () => {
  const read = () => Promise.reject(new Problem(404, "It is gone."));
  await expect(otherUnlessWritten(() => Promise.reject(OUTDATED), read)).rejects.toThrow("It is gone.");
});
