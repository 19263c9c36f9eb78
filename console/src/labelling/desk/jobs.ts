/** The requests of a doctor who labels. */
import { api, ok, type Schema } from "@/api/client";
import { hasStatus } from "@/api/problem";
import { ifMatch, type Version, versionOf } from "@/api/versions";
import { isRecord, type Values, valuesOf } from "@/labelling/form/json";

export type JobForm = Schema<"NextJob">;
export type Upcoming = Schema<"UpcomingImage">;
export type Job = Schema<"JobResource">;
export type Suggestion = Schema<"SuggestionBody">;

const LABELING = "201";
const FINISHED = "202";

export function isFinished(job: { job_state: string }): boolean {
  return job.job_state === FINISHED;
}

/** The address of the picture of an image; `green` is its green channel alone. */
export function pictureAddress(url: string, green: boolean): string {
  const path = `/api/uploads/medical-images/${encodeURIComponent(url)}`;
  return green ? `${path}?green_channel=true` : path;
}

/** The next job, which is the caller's from now on; null if there is nothing to do. */
export async function takeNextJob(): Promise<JobForm | null> {
  return (await ok(api.POST("/api/assignments/next"))) ?? null;
}

/** What comes after a job, as it looks now. Nothing is taken. */
export async function upcomingAfter(jobId: string): Promise<Upcoming | null> {
  return (await ok(api.GET("/api/assignments/next", { params: { query: { after: jobId } } }))) ?? null;
}

export function fetchJobForm(jobId: string): Promise<JobForm> {
  return ok(api.GET("/api/jobs/{job_id}/form", { params: { path: { job_id: Number(jobId) } } }));
}

/** Says that the doctor begins, from which on the time counts. One that was begun before stays as it is. */
export function beginJob(jobId: string): Promise<Version<Job>> {
  const params = { path: { job_id: Number(jobId) } };
  return versionOf(api.PUT("/api/jobs/{job_id}", { params, body: { job_state: LABELING, label_id: null } }));
}

export function fetchJob(jobId: string): Promise<Version<Job>> {
  return versionOf(api.GET("/api/jobs/{job_id}", { params: { path: { job_id: Number(jobId) } } }));
}

/** Finishes a job with a label. Throws `Problem`: 412 if the job is not that of the tag any more. */
export function finishJob(
  jobId: string,
  labelId: number,
  seconds: number,
  tag: string,
): Promise<Version<Job>> {
  const body = { label_id: labelId, job_state: FINISHED, seconds };
  const params = { path: { job_id: Number(jobId) } };
  return versionOf(api.PUT("/api/jobs/{job_id}", { params, body, headers: ifMatch(tag) }));
}

/** A label of one's own. */
export async function fetchLabel(labelId: string | number, names: string[]): Promise<Version<Values>> {
  const params = { path: { label_id: Number(labelId) } };
  const { data, tag } = await versionOf(api.GET("/api/label/{label_id}", { params }));
  return { data: valuesOf(data, names), tag };
}

/** Makes a label. The same `key` again is the same label, however often the request is sent. */
export async function createLabel(scheme: string, values: Values, key: string): Promise<number> {
  const headers = { "Idempotency-Key": key };
  const made = await ok(api.POST("/api/labels", { body: { ...values, scheme }, headers }));
  return made.label_id;
}

/**
 * Changes a label that is as `tag` says. Fields that are not in `values` any more become null. Throws `Problem`: 412 if
 * somebody has changed it.
 */
export async function changeLabel(
  labelId: string,
  values: Values,
  names: string[],
  tag: string,
): Promise<Version<Values>> {
  const params = { path: { label_id: Number(labelId) } };
  const body = { ...Object.fromEntries(names.map((name) => [name, null])), ...values };
  const headers = ifMatch(tag);
  const { data, tag: changed } = await versionOf(api.PUT("/api/label/{label_id}", { params, body, headers }));
  return { data: valuesOf(data, names), tag: changed };
}

/** What is kept of a job on the server; `values` are null before the first draft. */
export interface Draft {
  values: Values | null;
  savedAt: Date | null;
}

export async function fetchDraft(jobId: string): Promise<Version<Draft>> {
  const params = { path: { job_id: Number(jobId) } };
  return draftOf(await versionOf(api.GET("/api/jobs/{job_id}/draft", { params })));
}

/** Throws `Problem`: 412 if the draft on the server is not that of the tag, and nothing is changed then. */
export async function saveDraft(jobId: string, values: Values, tag: string): Promise<Version<Draft>> {
  const params = { path: { job_id: Number(jobId) } };
  const headers = ifMatch(tag);
  return draftOf(
    await versionOf(api.PUT("/api/jobs/{job_id}/draft", { params, body: { draft: values }, headers })),
  );
}

function draftOf({ data, tag }: Version<Schema<"JobDraft">>): Version<Draft> {
  const values = isRecord(data.draft) ? valuesOf(data.draft) : null;
  return { data: { values, savedAt: data.saved_at === null ? null : new Date(data.saved_at) }, tag };
}

/** What models say about the picture, where the study allows it to be seen. */
export async function fetchSuggestions(imageId: string): Promise<Suggestion[]> {
  const params = { path: { image_id: Number(imageId) } };
  try {
    return (await ok(api.GET("/api/images/{image_id}/suggestions", { params }))).suggestions;
  } catch (error) {
    if (hasStatus(error, 403)) return [];
    throw error;
  }
}
