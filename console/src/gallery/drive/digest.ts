/**
 * The SHA-256 of a file, hexadecimal. Undefined where browsers don't have it: on a page that came without TLS from
 * another machine. The browser computes it beside the page, which goes on working.
 */
export async function sha256(file: Blob): Promise<string | undefined> {
  if (!isSecureContext) return undefined;
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return [...new Uint8Array(digest)].map((each) => each.toString(16).padStart(2, "0")).join("");
}
