/** The unit of upload sessions (Microsoft Graph: createUploadSession): each chunk but the last is a multiple of it. */
export const UNIT_BYTES = 327_680;
export const CHUNK_BYTES = 4 * UNIT_BYTES;

/** Where the chunk that begins at a byte ends: the byte behind its last one. */
export function chunkEnd(start: number, size: number): number {
  return Math.min(start + CHUNK_BYTES, size);
}

/** The header `Content-Range` (RFC 9110 section 14.4) of the bytes from `start` up to `end`, which is not among them. */
export function contentRange(start: number, end: number, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}

/** The first byte that is missing, of `nextExpectedRanges` such as `["26-"]`. */
export function firstMissing(ranges: readonly string[]): number {
  const start = Number.parseInt(ranges[0] ?? "", 10);
  return Number.isSafeInteger(start) && start >= 0 ? start : 0;
}
