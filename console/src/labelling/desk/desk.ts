import { computed, onScopeDispose, ref, shallowRef } from "vue";
import { hasStatus, type Refusal } from "@/api/problem";
import type { Version } from "@/api/versions";
import { type Field, fieldsOf, groupsOf } from "@/labelling/form/fields";
import type { Json, Values } from "@/labelling/form/json";
import { fetchScheme, type LabelScheme } from "@/labelling/form/schemes";
import { withValue, type Wrong, wrongFields } from "@/labelling/form/values";
import { session } from "@/session/session";
import { DraftKeeper } from "./drafts";
import { type Conflict, finishWork, LabelKey, type Outcome, type Work } from "./finishing";
import {
  beginJob,
  fetchJobForm,
  fetchLabel,
  fetchSuggestions,
  isFinished,
  type JobForm,
  type Suggestion,
  type Upcoming,
  upcomingAfter,
} from "./jobs";
import { readLocal } from "./local-drafts";
import { VisibleTime } from "./visible-time";

let handedOver: JobForm | null = null;

/** Keeps a job that was just taken for the page that opens it, so that it need not ask again. */
export function handOver(form: JobForm): void {
  handedOver = form;
}

function takeOver(jobId: string): JobForm | null {
  const found = handedOver?.job.job_id === jobId ? handedOver : null;
  handedOver = null;
  return found;
}

/** One job on the desk of a doctor: what was entered, how it is kept, and what comes next. */
export function useDesk() {
  const form = shallowRef<JobForm | null>(null);
  const scheme = shallowRef<LabelScheme | null>(null);
  const values = shallowRef<Values>({});
  const keeper = shallowRef<DraftKeeper | null>(null);
  const upcoming = shallowRef<Upcoming | null>(null);
  const suggestions = shallowRef<Suggestion[]>([]);
  const error = shallowRef<unknown>(null);
  const isGone = ref(false);
  const isFinishing = ref(false);
  const refused = ref<ReadonlyMap<string, Refusal>>(new Map());
  const showsWrong = ref(false);
  const conflict = shallowRef<Conflict | null>(null);
  const groups = computed(() => (scheme.value === null ? [] : groupsOf(scheme.value)));
  const fields = computed<Field[]>(() => groups.value.flatMap((group) => group.fields));
  const wrong = computed<Map<string, Wrong>>(() =>
    showsWrong.value ? wrongFields(groups.value, values.value) : new Map<string, Wrong>(),
  );
  /** Whether nothing has been entered, and nothing has to be. */
  const isEmpty = computed(
    () => Object.keys(values.value).length === 0 && wrongFields(groups.value, values.value).size === 0,
  );
  const draftConflict = computed(() => keeper.value?.state.value === "conflict");
  let work: Work | null = null;
  let time = new VisibleTime(() => performance.now());
  let opened = 0;

  const see = () => {
    time.see(document.visibilityState === "visible");
  };
  document.addEventListener("visibilitychange", see);
  window.addEventListener("pagehide", close);
  onScopeDispose(() => {
    document.removeEventListener("visibilitychange", see);
    window.removeEventListener("pagehide", close);
    close();
  });

  function close(): void {
    keeper.value?.close();
  }

  /** Shows a job. Throws nothing: `error` and `isGone` say what is wrong. */
  async function open(jobId: string): Promise<void> {
    const turn = ++opened;
    close();
    error.value = null;
    isGone.value = false;
    try {
      const found = takeOver(jobId) ?? (await fetchJobForm(jobId));
      const loaded = isFinished(found.job) ? await loadFinished(found) : await load(found);
      if (turn === opened) lay(found, loaded);
    } catch (problem) {
      if (turn !== opened) return;
      form.value = null;
      isGone.value = hasStatus(problem, 403, 404);
      error.value = problem;
    }
  }

  interface Loaded {
    scheme: LabelScheme;
    values: Values;
    keeper: DraftKeeper | null;
    label: Version<Values> | null;
    tag: string;
  }

  async function load(found: JobForm): Promise<Loaded> {
    const { job_id: jobId, label_id: labelId } = found.job;
    const accountId = session.account.value?.account_id ?? 0;
    time = new VisibleTime(() => performance.now(), readLocal(accountId, jobId)?.milliseconds);
    const ownTime = time;
    const opening = new DraftKeeper(jobId, accountId, () => ownTime.milliseconds);
    const [loadedScheme, draft, begun] = await Promise.all([
      fetchScheme(found.scheme),
      opening.open(),
      beginJob(jobId),
    ]);
    const label = labelId === null ? null : await fetchLabel(labelId, namesOf(loadedScheme));
    return {
      scheme: loadedScheme,
      values: draft ?? label?.data ?? {},
      keeper: opening,
      label,
      tag: begun.tag,
    };
  }

  async function loadFinished(found: JobForm): Promise<Loaded> {
    const loadedScheme = await fetchScheme(found.scheme);
    const labelId = found.job.label_id;
    const label = labelId === null ? null : await fetchLabel(labelId, namesOf(loadedScheme));
    return { scheme: loadedScheme, values: label?.data ?? {}, keeper: null, label, tag: "" };
  }

  function lay(found: JobForm, loaded: Loaded): void {
    scheme.value = loaded.scheme;
    values.value = loaded.values;
    keeper.value = loaded.keeper;
    upcoming.value = null;
    suggestions.value = [];
    refused.value = new Map();
    showsWrong.value = false;
    conflict.value = null;
    form.value = found;
    const id = found.job.label_id;
    const label = loaded.label === null || id === null ? null : { id, ...loaded.label };
    work = { form: found, names: namesOf(loaded.scheme), label, tag: loaded.tag, key: new LabelKey() };
    see();
    if (loaded.keeper !== null) void lookAhead(found);
    if (found.shows_suggestions || loaded.keeper === null) void suggest(found);
  }

  async function lookAhead(current: JobForm): Promise<void> {
    try {
      const found = await upcomingAfter(current.job.job_id);
      if (form.value !== current) return;
      upcoming.value = found;
      if (found !== null) await fetchScheme(found.scheme);
    } catch {
      // It will be loaded when it is its turn, and whatever is wrong is said then.
    }
  }

  async function suggest(current: JobForm): Promise<void> {
    try {
      const found = await fetchSuggestions(current.image.id);
      if (form.value === current) suggestions.value = found;
    } catch {
      // A label does not need it.
    }
  }

  function enter(entered: Values): void {
    values.value = entered;
    refused.value = new Map();
    keeper.value?.change(entered);
  }

  function set(field: Field, value: Json | undefined): void {
    if (!isFinishing.value) enter(withValue(values.value, field.path, value));
  }

  /** Finishes the job; what comes next, or undefined if it is not finished, for which the page says why. */
  async function finish(): Promise<Outcome | undefined> {
    const kept = keeper.value;
    if (work === null || kept === null || isFinishing.value || draftConflict.value || conflict.value !== null)
      return;
    showsWrong.value = true;
    error.value = null;
    if (wrong.value.size > 0) return;
    isFinishing.value = true;
    try {
      const outcome = await finishWork(work, values.value, kept, () => time.milliseconds / 1000);
      conflict.value = outcome.conflict ?? null;
      refused.value = outcome.refused ?? new Map();
      isGone.value = outcome.isGone ?? false;
      return outcome;
    } catch (problem) {
      error.value = problem;
      return undefined;
    } finally {
      isFinishing.value = false;
    }
  }

  /** Ends a conflict: the reader has chosen these values. */
  function choose(chosen: Values): void {
    conflict.value = null;
    values.value = chosen;
    if (draftConflict.value) keeper.value?.settle(chosen);
    else keeper.value?.change(chosen);
  }

  return {
    ...{ form, scheme, groups, fields, values, keeper, upcoming, suggestions, error, isGone, isFinishing },
    ...{ refused, wrong, isEmpty, conflict, draftConflict, open, set, enter, finish, choose },
  };
}

export type Desk = ReturnType<typeof useDesk>;

function namesOf(scheme: LabelScheme): string[] {
  return [...new Set(fieldsOf(scheme).map((field) => field.path[0]))];
}
