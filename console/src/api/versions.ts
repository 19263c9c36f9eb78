/** Changing what others may change at the same time: nothing is overwritten that the reader has not seen. */
import { ok } from "./client";
import { hasStatus } from "./problem";

/** What the server has, and the tag by which a later request says that it is about this and nothing newer. */
export interface Version<Data> {
  data: Data;
  /** The entity tag (RFC 9110 section 8.8.3); "" if there was none, which no version matches. */
  tag: string;
}

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The body of a successful answer with its entity tag. Throws as `ok` does. */
export async function versionOf<Data>(asked: Promise<Answer<Data>>): Promise<Version<Data>> {
  const data = await ok(asked);
  return { data, tag: (await asked).response.headers.get("etag") ?? "" };
}

/** The headers of a change of the version with this tag and no other (RFC 9110 section 13.1.1). */
export function ifMatch(tag: string): { "If-Match": string } {
  return { "If-Match": tag };
}

const PRECONDITION_FAILED = 412;

/** Whether a change was refused since what is stored is not the version of its tag any more. */
export function isOutdated(error: unknown): boolean {
  return hasStatus(error, PRECONDITION_FAILED);
}

/**
 * Writes; where what is stored is another version meanwhile, reads that instead, since nothing was changed. Returns
 * what was read; undefined if it is written. Throws what else they throw.
 */
export async function otherUnlessWritten<Other>(
  write: () => Promise<void>,
  read: () => Promise<Other>,
): Promise<Other | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    if (!isOutdated(error)) throw error;
    return read();
  }
}
