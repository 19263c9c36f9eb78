import { expect, test, vi } from "vitest";

vi.mock("@/api/client", () => ({ ok: vi.fn() }));
const { Problem } = await import("@/api/problem");
const { useEditing } = await import("./editing");

const BAD = { detail: "bad", code: "", parameters: {} };

/** A server with one text, of which each change makes a new version. */
function server() {
  const state = { text: "first", version: 1 };
  const read = () => Promise.resolve({ data: { text: state.text }, tag: `${state.version}` });
  const write = ({ text }: { text: string }, tag: string): Promise<void> => {
    if (text === "bad") return Promise.reject(new Problem(422, "It is bad.", { text: BAD }));
    if (tag !== `${state.version}`) return Promise.reject(new Problem(412, "It was changed."));
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
  expect([editing.fields.value, editing.problem.value]).toEqual([
    { text: BAD },
    expect.objectContaining({ detail: "It is bad." }),
  ]);
});

test("what is typed while the form is being loaded stays, and nothing is saved before that", async () => {
  const { state, read, write } = server();
  let arrive = (): void => undefined;
  const held = new Promise<void>((resolve) => (arrive = resolve));
  const tags: string[] = [];
  const editing = useEditing(
    { text: "", other: "" },
    async () => {
      await held;
      const { data, tag } = await read();
      return { data: { ...data, other: "theirs" }, tag };
    },
    (form, tag) => {
      tags.push(tag);
      return write(form, tag);
    },
  );
  void editing.load();
  editing.form.value.text = "typed";
  const saving = editing.save();
  arrive();
  expect(await saving).toBe(true);
  expect(tags).toEqual(["1"]);
  expect([state.text, editing.form.value]).toEqual(["typed", { text: "typed", other: "theirs" }]);
});

test("a form that could not be loaded is not saved", async () => {
  const { write } = server();
  const saved: string[] = [];
  const editing = useEditing(
    { text: "" },
    () => Promise.reject(new Problem(503, "It is busy.")),
    (form, tag) => {
      saved.push(form.text);
      return write(form, tag);
    },
  );
  await editing.load();
  expect(await editing.save()).toBe(false);
  expect([saved, editing.problem.value, editing.busy.value]).toEqual([
    [],
    expect.objectContaining({ detail: "It is busy." }),
    false,
  ]);
});

test("what was typed after the form could not be loaded stays", async () => {
  const { state, read, write } = server();
  const answers = [() => Promise.reject(new Problem(503, "It is busy.")), read];
  const editing = useEditing({ text: "" }, () => (answers.shift() ?? read)(), write);
  await editing.load();
  editing.form.value.text = "typed";
  expect(await editing.save()).toBe(true);
  expect(state.text).toBe("typed");
});

/** Two pictures, whose answers come when the test lets them, and the form for the one that was chosen. */
function two() {
  const answers: (() => void)[] = [];
  const written: [number, string, string][] = [];
  const chosen = { id: 1 };
  const editing = useEditing(
    { text: "" },
    () => {
      const { id } = chosen;
      return new Promise<{ data: { text: string }; tag: string }>((resolve) => {
        answers.push(() => resolve({ data: { text: `text ${id}` }, tag: `tag ${id}` }));
      });
    },
    ({ text }, tag) => {
      written.push([chosen.id, text, tag]);
      return Promise.resolve();
    },
  );
  function choose(id: number): Promise<void> {
    chosen.id = id;
    return editing.load();
  }
  return { answers, written, editing, choose };
}

test("nothing of the one before is shown or kept in the form of another one", async () => {
  const { answers, written, editing, choose } = two();
  const first = choose(1);
  answers[0]?.();
  await first;
  editing.form.value.text = "of the first";
  const second = choose(2);
  expect(editing.form.value.text).toBe("");
  answers[1]?.();
  await second;
  expect(editing.form.value.text).toBe("text 2");
  expect(await editing.save()).toBe(true);
  expect(written).toEqual([[2, "text 2", "tag 2"]]);
});

test("an answer for one that is closed already changes nothing", async () => {
  const { answers, written, editing, choose } = two();
  const first = choose(1);
  const second = choose(2);
  answers[1]?.();
  await second;
  answers[0]?.();
  await first;
  expect(editing.form.value.text).toBe("text 2");
  expect(await editing.save()).toBe(true);
  expect(written).toEqual([[2, "text 2", "tag 2"]]);
});
