import { describe, expect, test } from "vitest";
import { isIpAddress, mayUse, reasonOf } from "./webauthn";

test.each([
  ["localhost", false],
  ["lab.example.org", false],
  ["10.example.org", false],
  ["127.0.0.1", true],
  ["192.168.0.17", true],
  ["[::1]", true],
])("whether %s is an address", (hostname, address) => {
  expect(isIpAddress(hostname)).toBe(address);
});

test.each([
  ["lab.example.org", "lab.example.org", true],
  ["reading.lab.example.org", "lab.example.org", true],
  ["otherlab.example.org", "lab.example.org", false],
  ["example.org", "lab.example.org", false],
  ["localhost", "lab.example.org", false],
])("whether a page of %s may use the passkeys of %s", (hostname, relyingParty, may) => {
  expect(mayUse(hostname, relyingParty)).toBe(may);
});

describe("an error of the browser", () => {
  test.each([
    ["NotAllowedError", "cancelled"],
    ["AbortError", "replaced"],
    ["InvalidStateError", "known"],
    ["NotSupportedError", "unsupported"],
    ["ConstraintError", "unverified"],
    ["SecurityError", "host"],
    ["UnknownError", "failed"],
  ])("%s is %s", (name, reason) => {
    expect(reasonOf(new DOMException("", name), 1_000, 300_000)).toBe(reason);
  });

  test("after the whole time is a time that has run out", () => {
    expect(reasonOf(new DOMException("", "NotAllowedError"), 300_000, 300_000)).toBe("timeout");
  });

  test("of another kind is a failure", () => {
    expect(reasonOf(new TypeError("no credentials"))).toBe("failed");
  });
});
