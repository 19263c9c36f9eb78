type Parameters = Readonly<Record<string, string | number>>;

/** What the server says of one field: its sentence, and the same for programs where it has a code. */
export interface Refusal {
  detail: string;
  code: string;
  parameters: Parameters;
}

/** An answer of the server that is no success, in one form whatever the system that the path belongs to. */
export class Problem extends Error {
  constructor(
    /** The HTTP status; 0 if no answer arrived. */
    readonly status: number,
    /** The server's own sentence; "" if there was none. */
    readonly detail: string,
    /** What is wrong with single fields of a form, by the names of the fields. */
    readonly fields: Readonly<Record<string, Refusal>> = {},
    /** How many seconds the server asks to wait; undefined if it does not say. */
    readonly retryAfter?: number,
    /** The number under which the server's log has the request. */
    readonly requestId = "",
    /** What is wrong in a word of the server that stays, such as "sign-in-too-old"; "" if it says none. */
    readonly code = "",
    /** The values that stand in the server's sentence. */
    readonly parameters: Parameters = {},
  ) {
    super(detail || `HTTP ${status}`);
  }
}

export function hasStatus(error: unknown, ...statuses: number[]): boolean {
  return error instanceof Problem && statuses.includes(error.status);
}

/** An answer with the status of a success, and a body that is not what the path answers. */
export class UnreadableAnswer extends Error {}

/** Statuses below 500 that are not about the request itself: the session, or too much at once. */
const LATER = [0, 401, 408, 425, 429];

/** Whether the same request may succeed the next time. */
export function isTemporary(error: unknown): boolean {
  return !(error instanceof Problem) || error.status >= 500 || LATER.includes(error.status);
}

/** Longer ones are no sentences: the page of a proxy, or a dump. */
const LONGEST_DETAIL = 1000;

/** Reads the error of an answer: problem details (RFC 9457), or the form of TheYelda, CheXRay, ImageHub or Graph. */
export function problemOf(response: Response, body: unknown): Problem {
  const { headers } = response;
  const { detail, fields } = read(body);
  return new Problem(
    response.status,
    detail.length > LONGEST_DETAIL ? "" : detail,
    fields,
    secondsUntil(headers.get("retry-after"), headers.get("date")),
    headers.get("x-request-id") ?? "",
    codeOf(body),
    parametersOf(body),
  );
}

const LONGEST_WAIT_SECONDS = 366 * 86_400;

/**
 * The seconds that `Retry-After` asks to wait (RFC 9110 section 10.2.3), which is a number of them or a date; undefined
 * if it is neither. A date counts from the server's own time, `date`, since the clock of this device may be wrong.
 */
export function secondsUntil(retryAfter: string | null, date: string | null): number | undefined {
  const written = retryAfter?.trim() ?? "";
  const isNumber = /^\d+$/.test(written);
  const now = readDate(date ?? "") ?? Date.now();
  const then = readDate(written);
  const seconds = isNumber ? Number(written) : then === undefined ? Number.NaN : (then - now) / 1000;
  return seconds <= LONGEST_WAIT_SECONDS ? Math.max(0, Math.ceil(seconds)) : undefined;
}

/** Browsers run at once what is to run after more than 24 days. */
const LONGEST_PAUSE_MS = 86_400_000;

/** The milliseconds after which to ask again: as many as `own`, and not before the server wants it; a day at most. */
export function pauseAfter(error: unknown, own: number): number {
  const asked = error instanceof Problem ? (error.retryAfter ?? 0) * 1000 : 0;
  return Math.min(Math.max(own, asked), LONGEST_PAUSE_MS);
}

/** An HTTP date in one of its three forms (RFC 9110 section 5.6.7), of which the last one does not name its zone. */
function readDate(written: string): number | undefined {
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(written)) return undefined;
  const time = Date.parse(written.endsWith("GMT") ? written : `${written} GMT`);
  return Number.isNaN(time) ? undefined : time;
}

/** The code of problem details: that of the sentence, or else of its kind, which is in `type`, a path of ours. */
function codeOf(body: unknown): string {
  if (typeof body !== "object" || body === null) return "";
  if ("code" in body && typeof body.code === "string") return body.code;
  const type = "type" in body ? body.type : null;
  return typeof type === "string" ? (/^\/problems\/([a-z-]+)$/.exec(type)?.[1] ?? "") : "";
}

function parametersOf(about: unknown): Parameters {
  const has = typeof about === "object" && about !== null && "parameters" in about;
  return has && typeof about.parameters === "object" ? (about.parameters as Parameters) : {};
}

/** A sentence about a field from a form of the documented systems, which have no codes. */
function sentence(detail: string): Refusal {
  return { detail, code: "", parameters: {} };
}

function read(body: unknown): { detail: string; fields: Record<string, Refusal> } {
  if (typeof body === "string") {
    const text = body.trim();
    return { detail: text.startsWith("<") ? "" : text, fields: {} };
  }
  if (typeof body !== "object" || body === null) return { detail: "", fields: {} };
  const members = body as Record<string, unknown>;
  const fields = fieldsOf(members);
  const graph = typeof members.error === "object" ? (members.error as { message?: unknown } | null) : null;
  const written = [
    members.detail,
    members.message,
    members.hint,
    members.error_description,
    graph?.message,
    members.title,
  ];
  const detail = written.find((each): each is string => typeof each === "string" && each !== "");
  if (detail !== undefined) return { detail, fields };
  // CheXRay: nothing but the fields, each with its sentence.
  for (const [name, value] of Object.entries(members))
    if (typeof value === "string") fields[name] = sentence(value);
  const sentences = Object.values(fields).map((each) => each.detail);
  return { detail: sentences.join(" "), fields };
}

/** The sentences about single fields: of `errors` (problem details), of `detail` (ImageHub), and of lists of sentences. */
function fieldsOf(members: Record<string, unknown>): Record<string, Refusal> {
  const fields: Record<string, Refusal> = {};
  for (const list of [members.errors, members.detail]) {
    for (const each of Array.isArray(list) ? (list as (FieldError | null | undefined)[]) : []) {
      const detail = each?.message ?? each?.detail ?? each?.msg;
      const field = each?.field ?? (Array.isArray(each?.loc) ? (each.loc as unknown[]).at(-1) : undefined);
      if (typeof field === "string" && typeof detail === "string")
        fields[field] ??= { detail, code: codeOf(each), parameters: parametersOf(each) };
    }
  }
  if (typeof members.type === "string") return fields; // problem details: their other members are no fields
  for (const [name, value] of Object.entries(members)) {
    if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string"))
      fields[name] = sentence(value.join(" "));
  }
  return fields;
}

interface FieldError {
  field?: unknown;
  loc?: unknown;
  message?: unknown;
  detail?: unknown;
  msg?: unknown;
}
