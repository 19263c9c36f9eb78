import createClient, { type Middleware } from "openapi-fetch";
import { inFlight } from "./in-flight";
import { Problem, problemOf, UnreadableAnswer } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** The types of the server's answers and requests, by their names in the OpenAPI document. */
export type Schema<Name extends keyof Schemas> = Schemas[Name];

/**
 * Waits until there is a session: the reader has to sign in again if theirs has ended. False if there is none, and the
 * reader does not sign in. `session/session.ts` sets it, since it needs this module itself.
 */
let waitForSession: () => Promise<boolean> = () => Promise.resolve(false);

export function onUnauthorized(handler: () => Promise<boolean>): void {
  waitForSession = handler;
}

export const SELF = "/api/self";

/** The paths that begin or end a session, or ask for it: they answer 401 for a wrong password or passkey, too. */
const OF_SESSION = new Set([SELF, "/api/authorization", "/api/passkeys/sign-in"]);
const UNAUTHORIZED = 401;

/**
 * Whether a request that was answered with this status is to be sent again, since there is a session now. The status does
 * not say whether there was one: TheYelda's contract has 401 also for what belongs to somebody else, with the same
 * challenge. Whatever is refused with 401 has changed nothing, so it can be sent twice.
 */
export async function isToBeSentAgain(status: number): Promise<boolean> {
  return status === UNAUTHORIZED && waitForSession();
}

/** A request whose session has ended waits for the next sign-in, and is sent again, so that nothing is lost. */
const afterSignIn: Middleware = {
  onRequest: ({ request, id }) => {
    again.set(id, request.clone());
  },
  onResponse: async ({ request, response, id }) => {
    const copy = again.get(id);
    again.delete(id);
    if (copy === undefined || isOfSession(request) || !(await isToBeSentAgain(response.status)))
      return undefined;
    return fetch(copy).catch(noAnswer);
  },
  onError: ({ id, error }) => {
    again.delete(id);
    return isAborted(error) ? error : new Problem(0, "");
  },
};
const again = new Map<string, Request>();

function isOfSession(request: Request): boolean {
  return OF_SESSION.has(new URL(request.url).pathname);
}

function isAborted(error: unknown): error is DOMException {
  return error instanceof DOMException && error.name === "AbortError";
}

function noAnswer(error: unknown): never {
  throw isAborted(error) ? error : new Problem(0, "");
}

/**
 * Errors are wanted as problem details on all paths, as only these have the codes that are said in the reader's language:
 * without that a path answers in the form of the system that it belongs to.
 */
const ACCEPT = "application/json, application/problem+json, */*;q=0.5";

/** The client of the gateway, on the origin of this page, with the session cookie. */
export const api = createClient<paths>({ baseUrl: location.origin, headers: { Accept: ACCEPT } });
api.use(afterSignIn, inFlight);

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/**
 * The body of a successful answer. Throws `Problem` for any other, and if none arrived or not the whole of it, and
 * `UnreadableAnswer` if it is no JSON.
 */
export async function ok<Data>(asked: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await asked.catch(unread);
  if (!response.ok) throw problemOf(response, error);
  return data as Data;
}

/** What went wrong with the body of an answer, whose status and headers had arrived. */
function unread(error: unknown): never {
  if (error instanceof SyntaxError) throw new UnreadableAnswer();
  throw error instanceof TypeError ? new Problem(0, "") : error;
}

/** A form with files. In the types of the document a file is a string of the format "binary". */
export function multipart(fields: Record<string, unknown>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) form.append(name, value as string | Blob);
  }
  return form;
}

/** Sends a form and reports how much of it has been sent, which `fetch` can't. Throws as `ok` does. */
export async function upload<Data>(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<Data> {
  const first = await send(path, form, onProgress, signal);
  const isAgain = await isToBeSentAgain(first.response.status);
  signal?.throwIfAborted();
  return result(isAgain ? await send(path, form, onProgress, signal) : first);
}

interface Sent {
  response: Response;
  text: string;
}

function result<Data>({ response, text }: Sent): Data {
  const body = parsed(text);
  if (!response.ok) throw problemOf(response, body ?? text);
  if (body === undefined) throw new UnreadableAnswer();
  return body as Data;
}

function send(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Accept", ACCEPT);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      const headers = new Headers();
      for (const line of request.getAllResponseHeaders().trim().split("\r\n")) {
        const at = line.indexOf(":");
        if (at > 0) headers.append(line.slice(0, at), line.slice(at + 1).trim());
      }
      resolve({
        response: new Response(null, { status: request.status, headers }),
        text: request.responseText,
      });
    };
    request.onerror = () => {
      reject(new Problem(0, ""));
    };
    request.onabort = () => {
      reject(new DOMException("", "AbortError"));
    };
    signal?.addEventListener("abort", () => {
      request.abort();
    });
    request.send(form);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
