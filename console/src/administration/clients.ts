import type { Schema } from "@/api/client";
import { Problem, type Refusal } from "@/api/problem";

export type Client = Schema<"OAuthClientBody">;
export type Scope = NonNullable<Schema<"NewOAuthClient">["scopes"]>[number];

export const SCOPES = [
  "openid",
  "profile",
  "email",
  "predict",
  "collect",
  "annotate",
  "hub",
  "read",
  "account",
] as const satisfies readonly Scope[];

/** The scope of everything that an account may do, for applications of this installation only. */
export const WHOLE_ACCOUNT: Scope = "account";

/** What the form of an application has. */
export interface Entered {
  name: string;
  clientId: string;
  confidential: boolean;
  firstParty: boolean;
  redirects: string;
  logouts: string;
  origins: string;
  scopes: Scope[];
}

/** The form of a client; of a new one without. */
export function enteredOf(client?: Client): Entered {
  return {
    name: client?.name ?? "",
    clientId: client?.client_id ?? "",
    confidential: client?.confidential ?? false,
    firstParty: client?.first_party ?? false,
    redirects: client?.redirect_uris.join("\n") ?? "",
    logouts: client?.post_logout_redirect_uris.join("\n") ?? "",
    origins: client?.allowed_origins.join("\n") ?? "",
    scopes: SCOPES.filter((each) => client?.scopes.includes(each) ?? ["openid", "profile"].includes(each)),
  };
}

/** The lines that are not empty, each once. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  return [...new Set(lines.filter((line) => line !== ""))];
}

/** What is sent of a form, for a new client and for changes. */
export function bodyOf(entered: Entered) {
  return {
    name: entered.name,
    first_party: entered.firstParty,
    redirect_uris: linesOf(entered.redirects),
    post_logout_redirect_uris: linesOf(entered.logouts),
    allowed_origins: linesOf(entered.origins),
    // Always in this order, not in the one in which they were ticked.
    scopes: SCOPES.filter(
      (each) => entered.scopes.includes(each) && (entered.firstParty || each !== WHOLE_ACCOUNT),
    ),
  };
}

/** The server's sentence about a field or, of a list, about the first wrong one of its values. */
export function errorOf(problem: unknown, field: string): Refusal | undefined {
  if (!(problem instanceof Problem)) return undefined;
  const own = problem.fields[field];
  if (own !== undefined) return own;
  return Object.entries(problem.fields).find(([name]) => name.startsWith(`${field}.`))?.[1];
}
