import type { Schema } from "@/api/client";

/** Options and answers of WebAuthn as JSON (WebAuthn Level 3, section 5.1), which the browser reads and writes itself. */
export type Options = Schema<"PasskeyOptions">["publicKey"];

/** Why there are no passkeys on a page. */
export type Unavailable =
  /** The page was loaded without TLS, and not from this machine. */
  | "insecure"
  /** The address of the page has no name of a host, to which passkeys could belong. */
  | "address"
  /** The passkeys of this installation belong to another host. */
  | "host"
  /** The browser has none, or does not read their JSON. */
  | "browser";

/** Why a browser has made or found no passkey. */
export type Reason =
  Unavailable | "cancelled" | "timeout" | "known" | "unsupported" | "unverified" | "replaced" | "failed";

/** A browser that has made or found no passkey. */
export class PasskeyError extends Error {
  constructor(readonly reason: Reason) {
    super(reason);
  }
}

/** Why the page can't offer passkeys; null if it can. */
export function whyUnavailable(): Unavailable | null {
  if (!isSecureContext) return "insecure";
  if (isIpAddress(location.hostname)) return "address";
  const missing =
    typeof PublicKeyCredential === "undefined" ||
    typeof PublicKeyCredential.parseCreationOptionsFromJSON !== "function" ||
    typeof PublicKeyCredential.parseRequestOptionsFromJSON !== "function";
  return missing ? "browser" : null;
}

/** Whether a host, as `location` has it, is an IP address: IPv6 stands in brackets there. */
export function isIpAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname);
}

/** Whether a page of a host may use the passkeys of a relying party: its own ones, and those of a domain above it. */
export function mayUse(hostname: string, relyingParty: string): boolean {
  return hostname === relyingParty || hostname.endsWith(`.${relyingParty}`);
}

/** Makes a passkey. Throws `PasskeyError`. */
export async function createPasskey(options: Options): Promise<Schema<"RegistrationCredential">> {
  const json = options as unknown as PublicKeyCredentialCreationOptionsJSON;
  checkHost(json.rp.id);
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(json);
  const made = await explained(json.timeout, () => navigator.credentials.create({ publicKey }));
  return made.toJSON() as Schema<"RegistrationCredential">;
}

/**
 * Asks for a passkey until `signal` aborts it: with a dialog of the browser, or with `suggesting` among its suggestions for
 * the fields of the page, where one may be chosen at any time. Throws `PasskeyError`.
 */
export async function findPasskey(
  options: Options,
  { signal, suggesting = false }: { signal: AbortSignal; suggesting?: boolean },
): Promise<Schema<"AuthenticationCredential">> {
  const json = options as unknown as PublicKeyCredentialRequestOptionsJSON;
  checkHost(json.rpId);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(json);
  const mediation = suggesting ? "conditional" : "optional";
  const found = await explained(json.timeout, () =>
    navigator.credentials.get({ publicKey, mediation, signal }),
  );
  return found.toJSON() as Schema<"AuthenticationCredential">;
}

/** Whether the browser can suggest passkeys in the fields of a page. */
export async function canSuggest(): Promise<boolean> {
  // Not every browser that has passkeys has this function, although the types say so.
  const asked = PublicKeyCredential as { isConditionalMediationAvailable?: () => Promise<boolean> };
  return (await asked.isConditionalMediationAvailable?.()) === true;
}

/** What an error of `navigator.credentials` means (WebAuthn Level 3, sections 5.1.3 and 5.1.4). */
export function reasonOf(error: unknown, waited = 0, timeout = Number.POSITIVE_INFINITY): Reason {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError": // for both, so that pages learn nothing of who sits there
      return waited >= timeout ? "timeout" : "cancelled";
    case "AbortError":
      return "replaced";
    case "InvalidStateError":
      return "known";
    case "NotSupportedError":
      return "unsupported";
    case "ConstraintError":
      return "unverified";
    case "SecurityError":
      return "host";
    default:
      return "failed";
  }
}

function checkHost(relyingParty: string | undefined): void {
  if (relyingParty !== undefined && !mayUse(location.hostname, relyingParty)) throw new PasskeyError("host");
}

async function explained(
  timeout: number | undefined,
  ask: () => Promise<Credential | null>,
): Promise<PublicKeyCredential> {
  const start = performance.now();
  let answer: Credential | null;
  try {
    answer = await ask();
  } catch (error) {
    throw new PasskeyError(reasonOf(error, performance.now() - start, timeout));
  }
  if (answer === null) throw new PasskeyError("cancelled");
  return answer as PublicKeyCredential;
}
