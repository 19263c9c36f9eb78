import createClient, { type Middleware } from "openapi-fetch";
import { Problem, problemOf } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** The types of the server's answers and requests, by their names in the OpenAPI document. */
export type Schema<Name extends keyof Schemas> = Schemas[Name];

/**
 * Waits until the reader has signed in again after their session has ended; false if they did not. `session/session.ts` sets
 * it, since it needs this module itself.
 */
let signedInAgain: () => Promise<boolean> = () => Promise.resolve(false);

export function onSessionEnded(handler: () => Promise<boolean>): void {
  signedInAgain = handler;
}

const SIGN_IN = "/api/authorization";
const UNAUTHORIZED = 401;

/** A request whose session has ended waits for the next sign-in, and is sent again, so that nothing is lost. */
const afterSignIn: Middleware = {
  onRequest: ({ request, id }) => {
    again.set(id, request.clone());
  },
  onResponse: async ({ request, response, id }) => {
    const copy = again.get(id);
    again.delete(id);
    if (response.status !== UNAUTHORIZED || copy === undefined || isSignIn(request)) return undefined;
    return (await signedInAgain()) ? fetch(copy) : response;
  },
  onError: ({ id }) => {
    again.delete(id);
    return new Problem(0, "");
  },
};
const again = new Map<string, Request>();

function isSignIn(request: Request): boolean {
  return new URL(request.url).pathname === SIGN_IN;
}

/** The client of the gateway, on the origin of this page, with the session cookie. */
export const api = createClient<paths>({ baseUrl: location.origin });
api.use(afterSignIn);

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The body of a successful answer. Throws `Problem` for any other, and if none arrived. */
export async function ok<Data>(asked: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await asked;
  if (!response.ok) throw problemOf(response, error);
  return data as Data;
}

/** A form with files. In the types of the document a file is a string of the format "binary". */
export function multipart(fields: Record<string, unknown>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) form.append(name, value as string | Blob);
  }
  return form;
}

/** Sends a form and reports how much of it has been sent, which `fetch` can't. Throws `Problem`. */
export function upload<Data>(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<Data> {
  return send(path, form, onProgress, signal).then(async ({ response, body }) => {
    if (response.status === UNAUTHORIZED && (await signedInAgain())) {
      const second = await send(path, form, onProgress, signal);
      return result<Data>(second);
    }
    return result<Data>({ response, body });
  });
}

function result<Data>({ response, body }: { response: Response; body: unknown }): Data {
  if (!response.ok) throw problemOf(response, body);
  return body as Data;
}

function send(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<{ response: Response; body: unknown }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
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
        body: parsed(request.responseText),
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
    return text;
  }
}
