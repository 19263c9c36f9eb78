import { type Ref, ref } from "vue";
import { Problem, type Refusal } from "@/api/problem";
import { otherUnlessWritten, type Version } from "@/api/versions";

export interface Editing<Form> {
  /** What is being typed. */
  form: Ref<Form>;
  /** What somebody else has saved meanwhile, until the reader has decided. */
  theirs: Ref<Form | undefined>;
  problem: Ref<unknown>;
  fields: Ref<Readonly<Record<string, Refusal>>>;
  busy: Ref<boolean>;
  /** Begins with an empty form, which is filled as soon as the server has answered. */
  load: () => Promise<void>;
  /** Saves the form; whether it is saved. */
  save: () => Promise<boolean>;
  takeTheirs: () => void;
}

/**
 * Editing something that others may change at the same time: a change names the version that it is about, and where
 * there is another one meanwhile nothing is overwritten, and both are shown.
 */
export function useEditing<Form extends object>(
  empty: Form,
  read: () => Promise<Version<Form>>,
  write: (form: Form, tag: string) => Promise<void>,
): Editing<Form> {
  const form = ref({ ...empty }) as Ref<Form>;
  const theirs = ref<Form>() as Ref<Form | undefined>;
  const problem = ref<unknown>("");
  const fields = ref<Readonly<Record<string, Refusal>>>({});
  const busy = ref(false);
  let tag = "";

  function fail(error: unknown): void {
    fields.value = error instanceof Problem ? error.fields : {};
    problem.value = error;
  }

  /** Whether the version that a change is about is known. */
  let loaded = Promise.resolve(false);
  let turn = 0;

  async function load(): Promise<void> {
    turn++; // the same dialog may be about another picture now
    form.value = { ...empty };
    tag = "";
    await filled();
  }

  function filled(): Promise<boolean> {
    loaded = fill();
    return loaded;
  }

  async function fill(): Promise<boolean> {
    const own = turn;
    problem.value = "";
    fields.value = {};
    theirs.value = undefined;
    try {
      const found = await read();
      if (own !== turn) return false;
      // What has been typed meanwhile stays.
      const typed = Object.entries(form.value).filter(([name, value]) => value !== empty[name as keyof Form]);
      form.value = { ...found.data, ...Object.fromEntries(typed) };
      tag = found.tag;
      return true;
    } catch (error) {
      if (own === turn) fail(error);
      return false;
    }
  }

  async function save(): Promise<boolean> {
    busy.value = true;
    // Or what is not known yet would be overwritten.
    if (!(await loaded) && !(await filled())) {
      busy.value = false;
      return false;
    }
    problem.value = "";
    fields.value = {};
    try {
      const other = await otherUnlessWritten(() => write(form.value, tag), read);
      theirs.value = other?.data;
      tag = other?.tag ?? tag;
      return other === undefined;
    } catch (error) {
      fail(error);
      return false;
    } finally {
      busy.value = false;
    }
  }

  function takeTheirs(): void {
    if (theirs.value) form.value = { ...theirs.value };
    theirs.value = undefined;
  }

  return { form, theirs, problem, fields, busy, load, save, takeTheirs };
}
