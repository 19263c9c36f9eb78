import { deflateSync, crc32 } from "node:zlib";
import { expect } from "vitest";
import { asAdministrator, lab } from "./lab";

/** A file of the drive. */
export interface DriveFile {
  id: string;
  name: string;
  folder: string;
  folderName: string;
}

/** A PNG of one picture that is unlike any other: its colours are made of `seed`. */
export function png(width: number, height: number, seed: number): Buffer {
  const rows = Buffer.alloc(height * (1 + 3 * width));
  let state = seed * 2654435761 + 1;
  const base = [(seed * 67) % 200, (seed * 131) % 200, (seed * 29) % 200];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const at = y * (1 + 3 * width) + 1 + 3 * x;
      for (let c = 0; c < 3; c++)
        rows[at + c] = (base[c] ?? 0) + ((x + y) % 40) + ((state >>> (28 - 4 * c)) % 16);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const around = Buffer.alloc(8);
  around.writeUInt32BE(data.length, 0);
  around.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
}

interface Folders {
  folders: Record<
    string,
    { folder_name: string; files: Record<string, { file_name: string; file_size: number }> }
  >;
}

/** The folders of the drive by their ids. */
export async function folders(): Promise<Folders["folders"]> {
  const body = (await (await asAdministrator("GET", "/admin/onedrive/folders")).json()) as Folders;
  return Object.fromEntries(Object.entries(body.folders).filter(([, each]) => typeof each === "object"));
}

/** A new folder of the drive; its id. */
export async function folder(name: string): Promise<string> {
  const before = new Set(Object.keys(await folders()));
  await asAdministrator("GET", `/admin/onedrive/add-folder?folder_name=${encodeURIComponent(name)}`);
  const made = Object.keys(await folders()).find((each) => !before.has(each));
  if (made === undefined) throw new Error("The folder was not made");
  return made;
}

/** Uploads a file in one chunk. */
export async function file(folderId: string, name: string, data: Buffer): Promise<DriveFile> {
  const query = `folder_id=${folderId}&file_name=${encodeURIComponent(name)}`;
  const opened = await asAdministrator("GET", `/admin/onedrive/upload-session?${query}`);
  const { sessionUrl } = (await opened.json()) as { sessionUrl: string };
  const sent = await fetch(sessionUrl, {
    method: "PUT",
    headers: { "content-range": `bytes 0-${data.length - 1}/${data.length}` },
    body: new Uint8Array(data),
  });
  expect(sent.status).toBe(201);
  const item = (await sent.json()) as { id: string; name: string };
  return { ...item, folder: folderId, folderName: "Folder" };
}

/** Adds files to a group, -1 for a new one; the number of the group, when all are there. */
export async function added(files: DriveFile[], group = -1): Promise<number> {
  const first = files[0];
  if (!first) throw new Error("There is no file");
  const list = files.map(({ id, name }) => ({ file_id: id, file_name: name }));
  const folderToAdd = { all_image_id: list, group, folder_name: first.folderName };
  const answer = await asAdministrator("POST", "/admin/add/image", {
    image_list: { [first.folder]: folderToAdd },
  });
  const body = (await answer.json()) as { groups: number[] };
  const made = body.groups[0];
  if (made === undefined) throw new Error(`Nothing was added: ${JSON.stringify(body)}`);
  return made;
}

/** A group with pictures of these sizes; its number, and the ids of the pictures in their order. */
export async function group(
  fields: { title?: string; caption?: string; parent?: number },
  pictures: { name: string; data: Buffer }[],
): Promise<{ id: number; pictures: number[] }> {
  const made = (await (await asAdministrator("POST", "/api/gallery/groups", fields)).json()) as {
    id: number;
  };
  if (pictures.length === 0) return { id: made.id, pictures: [] };
  const place = await folder(`For group ${made.id}`);
  const files: DriveFile[] = [];
  for (const each of pictures) files.push(await file(place, each.name, each.data));
  await added(files, made.id);
  return { id: made.id, pictures: (await picturesOf(made.id)).map((each) => each.id) };
}

export interface GalleryPicture {
  id: number;
  name: string;
  title: string | null;
  sha256: string;
}

/** The pictures of a group in their order. */
export async function picturesOf(groupId: number): Promise<GalleryPicture[]> {
  const answer = await asAdministrator("GET", `/api/gallery/pictures?group=${groupId}&limit=1000`);
  return ((await answer.json()) as { pictures: GalleryPicture[] }).pictures;
}

/** A link that shares a group, as the console has it. */
export async function share(groupId: number, fields: object = {}): Promise<string> {
  const answer = await asAdministrator("POST", "/api/gallery/shares", { group: groupId, ...fields });
  const { link } = (await answer.json()) as { link: string };
  return `${lab.url}/console/gallery/shared/${link.slice(link.lastIndexOf("/") + 1)}`;
}
