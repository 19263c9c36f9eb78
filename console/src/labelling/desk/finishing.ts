import { hasStatus, Problem, type Refusal } from "@/api/problem";
import { isOutdated, type Version } from "@/api/versions";
import type { Values } from "@/labelling/form/json";
import type { DraftKeeper } from "./drafts";
import {
  changeLabel,
  createLabel,
  fetchJob,
  fetchLabel,
  finishJob,
  isFinished,
  type JobForm,
  takeNextJob,
} from "./jobs";

/** A job that is being finished, and what is known of it on the server. */
export interface Work {
  form: JobForm;
  /** The names of the fields of its scheme. */
  names: string[];
  /** The label that the job carries already, as it was seen last. */
  label: (Version<Values> & { id: string }) | null;
  /** The tag of the job. */
  tag: string;
  /** The key of the label that is made, also when the request after it fails. */
  key: LabelKey;
}

/** Another version of the label. `isFinished`: the job is finished with it, so that it can't be changed any more. */
export interface Conflict {
  theirs: Values;
  isFinished: boolean;
}

/** What became of it: exactly one member is there. */
export interface Outcome {
  /** It is finished. This comes next; null for nothing. */
  next?: JobForm | null;
  conflict?: Conflict;
  /** The job is somebody else's now. */
  isGone?: true;
  /** What the server says about single fields, by their ids. */
  refused?: ReadonlyMap<string, Refusal>;
}

/**
 * Finishes a job with these values, and takes the next one. It can be called again after whatever error: no label is made
 * twice. Throws `Problem` for what is not the fault of the values.
 */
export async function finishWork(
  work: Work,
  values: Values,
  keeper: DraftKeeper,
  seconds: () => number,
): Promise<Outcome> {
  try {
    await keeper.flush();
  } catch (error) {
    if (!hasStatus(error, 403, 404)) throw error; // the state of the keeper says what it is
  }
  if (keeper.state.value === "conflict") return { conflict: undefined };
  const labelled = await label(work, values);
  if (typeof labelled !== "number") return labelled;
  try {
    await finishJob(work.form.job.job_id, labelled, Math.round(seconds() * 10) / 10, work.tag);
  } catch (error) {
    const other = await whatElse(error, work, labelled);
    if (other === "try again") return finishWork(work, values, keeper, seconds);
    if (other !== "finished") return other;
  }
  keeper.discard();
  return { next: await takeNextJob() };
}

/** The id of the label with these values: a new one, or that of the job, which is changed. */
async function label(work: Work, values: Values): Promise<number | Outcome> {
  const carried = work.label;
  try {
    if (carried === null) {
      return await createLabel(work.form.scheme, values, work.key.of(values));
    }
    const job = await fetchJob(work.form.job.job_id);
    if (isFinished(job.data)) return await versionOnServer(work, job.data.label_id, true);
    work.label = { id: carried.id, ...(await changeLabel(carried.id, values, work.names, carried.tag)) };
    return Number(carried.id);
  } catch (error) {
    if (isOutdated(error)) return versionOnServer(work, carried?.id ?? null, false);
    if (hasStatus(error, 403, 404)) return { isGone: true };
    const refused =
      error instanceof Problem && error.status === 400 ? refusedFields(error, work.names) : null;
    if (refused !== null && refused.size > 0) return { refused };
    throw error;
  }
}

async function versionOnServer(work: Work, labelId: string | null, finished: boolean): Promise<Outcome> {
  if (labelId === null) return { conflict: { theirs: {}, isFinished: finished } };
  work.label = { id: labelId, ...(await fetchLabel(labelId, work.names)) };
  return { conflict: { theirs: work.label.data, isFinished: finished } };
}

/** Why a job could not be finished: another window may have finished it, or have put another label into it. */
async function whatElse(
  error: unknown,
  work: Work,
  ownLabel: number,
): Promise<Outcome | "finished" | "try again"> {
  if (!isOutdated(error) && !hasStatus(error, 403, 404)) throw error;
  let job;
  try {
    job = await fetchJob(work.form.job.job_id);
  } catch (problem) {
    if (hasStatus(problem, 403, 404)) return { isGone: true };
    throw problem;
  }
  const { label_id: labelId } = job.data;
  if (isFinished(job.data) && labelId === String(ownLabel)) return "finished"; // its answer was lost
  if (isFinished(job.data)) return versionOnServer(work, labelId, true);
  if (job.tag === work.tag) throw error;
  work.tag = job.tag;
  if (labelId === null || labelId === String(ownLabel)) return "try again";
  return versionOnServer(work, labelId, false);
}

/** What the server says of the fields of a scheme. */
export function refusedFields(problem: Problem, names: string[]): Map<string, Refusal> {
  return new Map(Object.entries(problem.fields).filter(([name]) => isOf(name, names)));
}

function isOf(id: string, names: string[]): boolean {
  return names.includes(id.split(".")[0] ?? "");
}

/** The key of a label that is made: the same as long as its values are, so that it is made once however often it is tried. */
export class LabelKey {
  private values: Values | null = null;
  private key = "";

  of(values: Values): string {
    if (values !== this.values) this.key = randomKey();
    this.values = values;
    return this.key;
  }
}

/** 128 random bits. `crypto.randomUUID` is missing where the page comes without TLS. */
function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((each) => each.toString(16).padStart(2, "0"))
    .join("");
}
