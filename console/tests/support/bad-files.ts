import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator, Page } from "playwright-core";
import { sample } from "./lab";

export interface Payload {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

/** More than the 20 MB that a picture may have (LIGHTBOX_MAX_PICTURE_BYTES). */
const TOO_LARGE_BYTES = 21 * 1024 * 1024;

/** Files that are no pictures, by what is wrong with them, in a picture's clothes. */
export async function badFiles(): Promise<Record<"text" | "empty" | "large" | "broken" | "cut", Payload>> {
  const dicom = await sample("pleural-effusion.dcm");
  return {
    text: { name: "text.png", mimeType: "image/png", buffer: Buffer.from("this is no picture") },
    empty: { name: "empty.png", mimeType: "image/png", buffer: Buffer.alloc(0) },
    large: { name: "large.png", mimeType: "image/png", buffer: Buffer.alloc(TOO_LARGE_BYTES) },
    broken: { name: "broken.dcm", mimeType: "application/dicom", buffer: dicom.subarray(0, 600) },
    cut: { name: "cut.dcm", mimeType: "application/dicom", buffer: dicom.subarray(0, dicom.length / 2) },
  };
}

/** Chooses files in a field of the page. They come from the disk, since large ones take long to be handed over. */
export async function choose(field: Locator, files: Payload[]): Promise<void> {
  const place = await mkdtemp(join(tmpdir(), "chosen-"));
  const paths = files.map((each) => join(place, each.name));
  for (const [at, path] of paths.entries()) await writeFile(path, files[at]?.buffer ?? "");
  await field.setInputFiles(paths);
  // The browser reads them when they are sent.
  chosen.push(place);
}

const chosen: string[] = [];

/** Removes what was chosen, at the end of a file of tests. */
export async function removeChosen(): Promise<void> {
  for (const place of chosen.splice(0)) await rm(place, { recursive: true });
}

/** Drags files from outside the browser over an element of the page and drops them there. */
export async function drop(page: Page, target: Locator, files: Payload[]): Promise<void> {
  const described = files.map(({ name, mimeType, buffer }) => {
    // What is zero throughout is made in the page, since all the rest is sent there as text.
    const isZero = buffer.every((byte) => byte === 0);
    return { name, type: mimeType, size: buffer.length, base64: isZero ? "" : buffer.toString("base64") };
  });
  const dataTransfer = await page.evaluateHandle((each) => {
    const transfer = new DataTransfer();
    for (const { name, type, size, base64 } of each) {
      const bytes = base64 ? Uint8Array.from(atob(base64), (at) => at.charCodeAt(0)) : new Uint8Array(size);
      transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
  }, described);
  for (const type of ["dragenter", "dragover", "drop"]) await target.dispatchEvent(type, { dataTransfer });
}
