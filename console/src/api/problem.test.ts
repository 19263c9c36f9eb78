import { describe, expect, test } from "vitest";
import { isTemporary, pauseAfter, Problem, problemOf, secondsUntil, UnreadableAnswer } from "./problem";

function read(status: number, body: unknown, headers: Record<string, string> = {}): Problem {
  return problemOf(new Response(null, { status, headers }), body);
}

describe("the error of an answer", () => {
  test.each([
    [
      "problem details",
      { title: "Conflict", status: 409, detail: "It has been changed." },
      "It has been changed.",
    ],
    ["TheYelda", { message: "用户不存在" }, "用户不存在"],
    ["ImageHub", { code: 3, hint: "no such group" }, "no such group"],
    ["Microsoft Graph", { error: { code: "quotaLimitReached", message: "It is full." } }, "It is full."],
    [
      "OAuth",
      { error: "invalid_grant", error_description: "The code has expired." },
      "The code has expired.",
    ],
    [
      "CheXRay",
      { image: ["Upload a valid image.", "It is damaged."] },
      "Upload a valid image. It is damaged.",
    ],
    ["CheXRay, a field", { image: "The file is larger than 20 MB." }, "The file is larger than 20 MB."],
    [
      "ImageHub, a field",
      { detail: [{ loc: ["query", "group"], msg: "It is no number.", type: "value_error" }] },
      "It is no number.",
    ],
    ["a proxy's page", "<html>502</html>", ""],
    ["a page with space before it", "\n\ufeff <!doctype html><title>502</title>", ""],
    ["a sentence of plain text", " upstream is gone\n", "upstream is gone"],
    ["a text without end", "x".repeat(1001), ""],
    ["a sentence without end", { detail: "x".repeat(1001) }, ""],
    ["nothing", undefined, ""],
    ["null", null, ""],
    ["a number", 7, ""],
    ["a list", [], ""],
    ["a list of nothing", { errors: [null, undefined, 7, "x", {}, { field: 1, message: 2 }] }, ""],
    ["members of other types", { detail: 7, message: null, hint: [], error: null, title: {} }, ""],
    ["an error that is text", { error: "invalid_request", title: "Bad Request" }, "Bad Request"],
    ["a list of broken fields", { detail: [null, { loc: [], msg: "a" }, { loc: "b", msg: "c" }, 1] }, ""],
    ["an empty sentence", { detail: "", message: "x" }, "x"],
    ["names of Object", JSON.parse('{"__proto__": ["a"], "constructor": ["b"], "toString": "c"}'), "b c"],
  ])("in the form of %s", (_form, body, detail) => {
    expect(read(400, body).detail).toBe(detail);
  });

  test.each([
    ["/problems/sign-in-too-old", "sign-in-too-old"],
    ["about:blank", ""],
    [undefined, ""],
  ])("has the code of the type %s", (type, code) => {
    expect(read(403, { type, detail: "Sign in again." }).code).toBe(code);
  });

  const refusal = (detail: string) => ({ detail, code: "", parameters: {} });

  test("has the codes and parameters of sentences", () => {
    const coded = { code: "too-short", parameters: { least: 8 } };
    const errors = [{ field: "password", detail: "It is short.", ...coded }];
    const problem = read(422, {
      type: "/problems/invalid-request",
      detail: "password: It is short.",
      errors,
    });
    expect([problem.code, problem.fields]).toEqual([
      "invalid-request",
      { password: { detail: "It is short.", ...coded } },
    ]);
    const { code, parameters } = read(409, {
      type: "/problems/conflict",
      detail: "Taken.",
      code: "name-taken",
    });
    expect([code, parameters]).toEqual(["name-taken", {}]);
  });

  test("other members of problem details are no fields (RFC 9457 section 3.2)", () => {
    const type = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    const body = { type, title: "Too Many Requests", "violated-policies": ["sign-in"] };
    expect(read(429, body).fields).toEqual({});
  });

  test("names the fields", () => {
    const errors = [
      { field: "name", message: "It is taken." },
      { field: "name", message: "It is long." },
    ];
    expect(read(422, { detail: "Two fields are wrong.", errors }).fields).toEqual({
      name: refusal("It is taken."),
    });
    expect(read(413, { image: "It is too large." }).fields).toEqual({ image: refusal("It is too large.") });
    expect(read(422, { detail: [{ loc: ["body", "name"], msg: "It is long." }] }).fields).toEqual({
      name: refusal("It is long."),
    });
  });

  test("says when to try again, and how the log calls the request", () => {
    const problem = read(429, {}, { "retry-after": "12", "x-request-id": "abc" });
    expect([problem.retryAfter, problem.requestId]).toEqual([12, "abc"]);
    const bare = read(503, {});
    expect([bare.retryAfter, bare.requestId]).toEqual([undefined, ""]);
  });
});

describe("how long Retry-After asks to wait", () => {
  const now = "Wed, 21 Oct 2026 07:28:00 GMT";

  test.each([
    ["0", 0],
    ["12", 12],
    [" 7 ", 7],
    ["007", 7],
    ["31622400", 31_622_400],
    ["Wed, 21 Oct 2026 07:28:30 GMT", 30],
    ["Wednesday, 21-Oct-26 07:29:00 GMT", 60],
    ["Wed Oct 21 08:28:00 2026", 3600],
    ["Wed Oct  7 08:28:00 2026", 0],
    ["Wed, 21 Oct 2026 07:00:00 GMT", 0],
    ["Thu, 22 Oct 2026 07:28:00 GMT", 86_400],
  ])("%j", (written, seconds) => {
    expect(secondsUntil(written, now)).toBe(seconds);
  });

  test.each([
    null,
    "",
    " ",
    "-1",
    "1.5",
    "1e3",
    "0x10",
    "+5",
    "Infinity",
    "NaN",
    "soon",
    "12 apples",
    "99999999999999999999",
    "31622401",
    "2026-10-21",
    "Wed, 99 Foo 2026 07:28:00 GMT",
    "Wed, 21 Oct 9999 07:28:00 GMT",
    "1\u0662",
  ])("%j is not understood", (written) => {
    expect(secondsUntil(written, now)).toBeUndefined();
  });

  test("counts from the server's time, and from one's own where there is none", () => {
    const inOneMinute = new Date(Date.now() + 60_000).toUTCString();
    for (const date of [null, "", "yesterday"]) {
      const seconds = secondsUntil(inOneMinute, date);
      expect(seconds).toBeGreaterThan(57);
      expect(seconds).toBeLessThan(62);
    }
  });
});

describe("the pause before the same is asked again", () => {
  const asking = (seconds?: number) => new Problem(503, "", {}, seconds);

  test.each([
    ["is one's own where the server asks for none", asking(), 3000],
    ["is one's own where the server asks for less", asking(1), 3000],
    ["is as long as the server asks", asking(600), 600_000],
    ["is a day at most, as a timer can't count further than 24", asking(30 * 86_400), 86_400_000],
    ["is one's own after another error", new Error("broken"), 3000],
    ["is one's own after none", null, 3000],
  ])("%s", (_name, error, pause) => {
    expect(pauseAfter(error, 3000)).toBe(pause);
  });
});

describe("the same request may succeed the next time", () => {
  test.each([0, 401, 408, 429, 500, 502, 503, 504, 507])("after %d", (status) => {
    expect(isTemporary(new Problem(status, ""))).toBe(true);
  });

  test.each([400, 403, 404, 409, 413, 415, 422])("but not after %d", (status) => {
    expect(isTemporary(new Problem(status, ""))).toBe(false);
  });

  test("after an answer that is not the server's", () => {
    expect(isTemporary(new UnreadableAnswer())).toBe(true);
  });
});
