/** What the server says about itself without a sign-in (OpenID Connect Discovery 1.0). */
export interface Metadata {
  issuer: string;
  authorization_endpoint: string;
}

/** What the server takes for its own address, where that is not the one of this page. */
export interface Mismatch {
  /** "address": that of links, cookies and passkeys; "issuer": that of the tokens for applications alone. */
  kind: "address" | "issuer";
  named: string;
}

/** Compares the address of this page with what the server says about itself; null if it is the same. */
export function mismatchOf(
  here: URL,
  { issuer, authorization_endpoint: endpoint }: Metadata,
): Mismatch | null {
  const named = originOf(endpoint);
  if (named !== here.origin) return { kind: "address", named };
  const issuing = new URL(issuer);
  // Without a setting the issuer is the machine itself, which is enough as long as no other machine uses it.
  if (issuing.origin === here.origin || (isLoopback(issuing) && isLoopback(here))) return null;
  return { kind: "issuer", named: issuing.origin };
}

/** A setting without a scheme makes addresses that are none: they are shown as they are. */
function originOf(address: string): string {
  try {
    return new URL(address).origin;
  } catch {
    return address;
  }
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}
