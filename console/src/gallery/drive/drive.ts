import { api, ok, type Schema } from "@/api/client";
import { Problem } from "@/api/problem";
import { ownPath } from "@/gallery/viewing/files";

export interface DriveFile {
  id: string;
  name: string;
  /** Bytes. */
  size: number;
  changed: string;
}

export interface DriveFolder {
  id: string;
  name: string;
  size: number;
  files: DriveFile[];
}

export interface Drive {
  folders: DriveFolder[];
  /** GiB. */
  used: number;
  total: number;
  /** When this was so, if the drive does not answer and this is a copy. */
  asOf?: string;
  /** Where the use of the drive has to be allowed first. */
  consent?: string;
}

/** What the status of an answer would be that says with 200 what was refused. */
export const CONFLICT = 409;
const SESSION = /^\/image\/upload-sessions\/([\w-]+)$/;

/** The folders of the drive, by name. Throws `Problem`. */
export async function readDrive(): Promise<Drive> {
  const body = await ok(api.GET("/admin/onedrive/folders"));
  if (!body.folders) {
    if (body.url) return { folders: [], used: 0, total: 0, consent: body.url };
    throw new Problem(CONFLICT, body.detail ?? body.hint ?? "");
  }
  const { used_storage, total_storage, ...rest } = body.folders;
  const folders = Object.entries(rest).filter(isFolder).map(folderOf);
  folders.sort((one, other) => one.name.localeCompare(other.name));
  return { folders, used: used_storage, total: total_storage, asOf: body.as_of ?? undefined };
}

export function makeFolder(name: string): Promise<void> {
  return outcome(api.GET("/admin/onedrive/add-folder", { params: { query: { folder_name: name } } }));
}

export function rename(id: string, name: string): Promise<void> {
  return outcome(api.GET("/admin/onedrive/rename", { params: { query: { item_id: id, new_name: name } } }));
}

export function remove(id: string): Promise<void> {
  return outcome(api.GET("/admin/onedrive/delete-folder", { params: { query: { folder_id: id } } }));
}

/** Where the uploads of a drive that is elsewhere go is no place for this page. */
export class ElsewhereError extends Error {}

/** Begins an upload; the last part of its address. Throws `Problem`, and `ElsewhereError`. */
export async function sessionToken(folder: string, name: string): Promise<string> {
  const query = { folder_id: folder, file_name: name };
  const opened = await ok(api.GET("/admin/onedrive/upload-session", { params: { query } }));
  if (!opened.sessionUrl) throw new Problem(CONFLICT, opened.detail ?? opened.hint);
  const token = SESSION.exec(ownPath(opened.sessionUrl))?.[1];
  if (!token) throw new ElsewhereError();
  return token;
}

type Outcome = { data?: Schema<"DriveOutcome">; error?: unknown; response: Response };

/** ImageHub's paths answer 200 also for what was not done. */
async function outcome(asked: Promise<Outcome>): Promise<void> {
  const { code, detail, hint } = await ok(asked);
  if (code !== 1) throw new Problem(CONFLICT, detail ?? hint);
}

function isFolder(entry: [string, unknown]): entry is [string, Schema<"ListedFolder">] {
  return typeof entry[1] === "object" && entry[1] !== null;
}

function folderOf([id, folder]: [string, Schema<"ListedFolder">]): DriveFolder {
  const files = Object.entries(folder.files).map(([fileId, file]) => ({
    id: fileId,
    name: file.file_name,
    size: file.file_size,
    changed: file.modification_time,
  }));
  files.sort((one, other) => one.name.localeCompare(other.name, undefined, { numeric: true }));
  return { id, name: folder.folder_name, size: folder.folder_size, files };
}
