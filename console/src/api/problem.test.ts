import { describe, expect, test } from "vitest";
import { Problem, problemOf } from "./problem";

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
    ["a proxy's page", "<html>502</html>", ""],
    ["nothing", undefined, ""],
  ])("in the form of %s", (_form, body, detail) => {
    expect(read(400, body).detail).toBe(detail);
  });

  test("names the fields", () => {
    const errors = [
      { field: "name", message: "It is taken." },
      { field: "name", message: "It is long." },
    ];
    expect(read(422, { detail: "Two fields are wrong.", errors }).fields).toEqual({ name: "It is taken." });
  });

  test("says when to try again, and how the log calls the request", () => {
    const problem = read(429, {}, { "retry-after": "12", "x-request-id": "abc" });
    expect([problem.retryAfter, problem.requestId]).toEqual([12, "abc"]);
    expect(read(503, {}, { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" }).retryAfter).toBeUndefined();
  });
});
