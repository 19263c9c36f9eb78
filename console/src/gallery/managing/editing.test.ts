import { expect, test, vi } from "vitest";

vi.mock("@/api/client", () => ({ ok: vi.fn() }));
vi.mock("@/api/sentences", () => ({ sentenceOf: (error: Error) => error.message }));
const { Problem } = await import("@/api/problem");
const { useEditing } = await import("./editing");

/** A server with one text, of which each change makes a new version. */
function server() {
  const state = { text: "first", version: 1 };
  const read = () => Promise.resolve({ value: { text: state.text }, etag: `${state.version}` });
  const write = ({ text }: { text: string }, etag: string): Promise<void> => {
    if (text === "bad") return Promise.reject(new Problem(422, "It is bad.", { text: "bad" }));
    if (etag !== `${state.version}`) return Promise.reject(new Problem(412, "It was changed."));
    state.text = text;
    state.version++;
    return Promise.resolve();
  };
  return { state, read, write };
}

test("what somebody else has saved meanwhile is not overwritten, but shown", async () => {
  const { state, read, write } = server();
  const editing = useEditing({ text: "" }, read, write);
  await editing.load();
  editing.form.value.text = "mine";
  Object.assign(state, { text: "theirs", version: 2 });
  expect(await editing.save()).toBe(false);
  expect(state.text).toBe("theirs");
  expect([editing.theirs.value?.text, editing.form.value.text]).toEqual(["theirs", "mine"]);

  Object.assign(state, { text: "theirs again", version: 3 });
  expect(await editing.save()).toBe(false);
  expect(editing.theirs.value?.text).toBe("theirs again");
  expect(await editing.save()).toBe(true);
  expect(state.text).toBe("mine");
  expect(editing.theirs.value).toBeUndefined();
});

test("theirs can be taken, and changed further", async () => {
  const { state, read, write } = server();
  const editing = useEditing({ text: "" }, read, write);
  await editing.load();
  Object.assign(state, { text: "theirs", version: 2 });
  await editing.save();
  editing.takeTheirs();
  expect([editing.form.value.text, editing.theirs.value]).toEqual(["theirs", undefined]);
  editing.form.value.text += ", and mine";
  expect(await editing.save()).toBe(true);
  expect(state.text).toBe("theirs, and mine");
});

test("what is wrong with a field is said at the field", async () => {
  const { read, write } = server();
  const editing = useEditing({ text: "" }, read, write);
  await editing.load();
  editing.form.value.text = "bad";
  expect(await editing.save()).toBe(false);
  expect([editing.fields.value, editing.problem.value]).toEqual([{ text: "bad" }, "It is bad."]);
});
