/** The requests of those who manage labelling. */
import { api, ok, type Schema } from "@/api/client";
import { ifMatch, type Version, versionOf } from "@/api/versions";
import { forgetPages } from "@/components/pages";
import { documentOf, type LabelScheme } from "@/labelling/form/schemes";

export type Image = Schema<"ImageResource">;
export const PAGE_ROWS = 50;
const MOST_ACCOUNTS = 500;

export interface Doctor {
  id: number;
  name: string;
}

export function fetchImages(query: {
  state: string;
  offset: number;
  accountId?: number;
}): Promise<Schema<"ImageList">> {
  const { state, offset, accountId } = query;
  const asked = { state: state || undefined, offset, limit: PAGE_ROWS, account_id: accountId };
  return ok(api.GET("/api/images", { params: { query: asked } }));
}

export function fetchImage(id: string): Promise<Version<Image>> {
  return versionOf(api.GET("/api/images/{image_id}", { params: { path: { image_id: Number(id) } } }));
}

/** Makes a label the result of an image. Throws `Problem`: 412 if the image is not that of the tag any more. */
export function settleImage(id: string, labelId: number, tag: string): Promise<Version<Image>> {
  const params = { path: { image_id: Number(id) } };
  const headers = ifMatch(tag);
  return versionOf(api.PUT("/api/images/{image_id}", { params, body: { groundtruth_id: labelId }, headers }));
}

export async function fetchHistory(id: string): Promise<Schema<"HistoryEntry">[]> {
  return (await ok(api.GET("/api/images/{image_id}/history", { params: { path: { image_id: Number(id) } } })))
    .history;
}

export async function fetchReadersLabels(id: string): Promise<Schema<"LabelsOfImage">> {
  return ok(api.GET("/api/images/{image_id}/labels", { params: { path: { image_id: Number(id) } } }));
}

/** The own job for an image; null if there is none. */
export async function ownJob(imageId: string, accountId: number): Promise<string | null> {
  const query = { image_id: Number(imageId), account_id: accountId };
  return (await ok(api.GET("/api/jobs", { params: { query } }))).data[0]?.job_id ?? null;
}

/** The accounts that can label. */
export async function fetchDoctors(): Promise<Doctor[]> {
  const query = { authority: "doctor", limit: MOST_ACCOUNTS } as const;
  const { data } = await ok(api.GET("/api/accounts", { params: { query } }));
  return data.map((each) => ({ id: each.account_id, name: each.nickname || each.username }));
}

/** The newest version of each scheme, by the name of the scheme. */
export async function fetchSchemes(): Promise<LabelScheme[]> {
  const { schemes } = await ok(api.GET("/api/schemes", { params: { query: { limit: 100 } } }));
  return schemes.map((each) => ({ name: each.name, title: each.title, document: documentOf(each) }));
}

/** A page of the assignments, the newest first. */
export async function fetchAssignments(
  cursor?: string,
  limit = PAGE_ROWS,
): Promise<Schema<"AssignmentList">> {
  return ok(api.GET("/api/assignments", { params: { query: { cursor, limit } } }));
}

export async function fetchAssignment(id: string): Promise<Schema<"AssignmentProgress">> {
  return ok(api.GET("/api/assignments/{assignment_id}", { params: { path: { assignment_id: Number(id) } } }));
}

export async function createAssignment(body: Schema<"NewAssignment">): Promise<Schema<"NewAssignmentBody">> {
  const made = await ok(api.POST("/api/assignments", { body }));
  forgetPages();
  return made;
}

export async function reassign(from: number, to: number[]): Promise<Schema<"Reassigned">> {
  return ok(api.POST("/api/assignments/reassign", { body: { from, to: to.length > 0 ? to : null } }));
}
