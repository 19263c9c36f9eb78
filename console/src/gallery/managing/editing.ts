import { ref, type Ref } from "vue";
import { ok } from "@/api/client";
import { Problem } from "@/api/problem";
import { sentenceOf } from "@/api/sentences";

/** The status of a change to a version that is not the last one any more. */
export const CHANGED_MEANWHILE = 412;

/** A value, and the version of it that a change is about. */
export interface Versioned<Value> {
  value: Value;
  /** The entity tag (RFC 9110 section 8.8.3). */
  etag: string;
}

/** The body of an answer with its entity tag. Throws `Problem`. */
export async function versioned<Data>(
  asked: Promise<{ data?: Data; error?: unknown; response: Response }>,
): Promise<Versioned<Data>> {
  const value = await ok(asked);
  return { value, etag: (await asked).response.headers.get("etag") ?? "*" };
}

export interface Editing<Form> {
  /** What is being typed. */
  form: Ref<Form>;
  /** What somebody else has saved meanwhile, until the reader has decided. */
  theirs: Ref<Form | undefined>;
  problem: Ref<string>;
  fields: Ref<Readonly<Record<string, string>>>;
  busy: Ref<boolean>;
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
  read: () => Promise<Versioned<Form>>,
  write: (form: Form, etag: string) => Promise<void>,
): Editing<Form> {
  const form = ref({ ...empty }) as Ref<Form>;
  const theirs = ref<Form>() as Ref<Form | undefined>;
  const problem = ref("");
  const fields = ref<Readonly<Record<string, string>>>({});
  const busy = ref(false);
  let etag = "*";

  function fail(error: unknown): void {
    fields.value = error instanceof Problem ? error.fields : {};
    problem.value = sentenceOf(error);
  }

  async function load(): Promise<void> {
    problem.value = "";
    fields.value = {};
    theirs.value = undefined;
    try {
      const found = await read();
      form.value = { ...found.value };
      etag = found.etag;
    } catch (error) {
      fail(error);
    }
  }

  async function save(): Promise<boolean> {
    busy.value = true;
    problem.value = "";
    fields.value = {};
    try {
      await write(form.value, etag);
      theirs.value = undefined;
      return true;
    } catch (error) {
      if (error instanceof Problem && error.status === CHANGED_MEANWHILE) await compare();
      else fail(error);
      return false;
    } finally {
      busy.value = false;
    }
  }

  async function compare(): Promise<void> {
    try {
      const found = await read();
      theirs.value = found.value;
      etag = found.etag;
    } catch (error) {
      fail(error);
    }
  }

  function takeTheirs(): void {
    if (theirs.value) form.value = { ...theirs.value };
    theirs.value = undefined;
  }

  return { form, theirs, problem, fields, busy, load, save, takeTheirs };
}
