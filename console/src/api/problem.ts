/** An answer of the server that is no success, in one form whatever the system that the path belongs to. */
export class Problem extends Error {
  constructor(
    /** The HTTP status; 0 if no answer arrived. */
    readonly status: number,
    /** The server's own sentence; "" if there was none. */
    readonly detail: string,
    /** The sentences about single fields of a form, by the names of the fields. */
    readonly fields: Readonly<Record<string, string>> = {},
    /** How many seconds the server asks to wait; undefined if it does not say. */
    readonly retryAfter?: number,
    /** The number under which the server's log has the request. */
    readonly requestId = "",
  ) {
    super(detail || `HTTP ${status}`);
  }
}

/** Reads the error of an answer: problem details (RFC 9457), or the form of TheYelda, CheXRay, ImageHub or Graph. */
export function problemOf(response: Response, body: unknown): Problem {
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  const { detail, fields } = read(body);
  return new Problem(
    response.status,
    detail,
    fields,
    Number.isFinite(retryAfter) ? retryAfter : undefined,
    response.headers.get("x-request-id") ?? "",
  );
}

function read(body: unknown): { detail: string; fields: Record<string, string> } {
  if (typeof body === "string") return { detail: body.startsWith("<") ? "" : body.trim(), fields: {} };
  if (typeof body !== "object" || body === null) return { detail: "", fields: {} };
  const members = body as Record<string, unknown>;
  const fields: Record<string, string> = {};
  if (Array.isArray(members.errors)) {
    for (const each of members.errors as { field?: unknown; message?: unknown; detail?: unknown }[]) {
      const sentence = each.message ?? each.detail;
      if (typeof each.field === "string" && typeof sentence === "string") fields[each.field] ??= sentence;
    }
  }
  for (const [name, value] of Object.entries(members)) {
    if (Array.isArray(value) && value.every((each) => typeof each === "string"))
      fields[name] = value.join(" ");
  }
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
  return { detail: detail ?? Object.values(fields).join(" "), fields };
}
