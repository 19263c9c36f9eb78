import { expect, test } from "vitest";
import { changesOf } from "./changes";

const READ = { name: "A", email: null as string | null, uris: ["x", "y"] };

test("what is as it was read is not sent", () => {
  expect(changesOf(READ, { ...READ, uris: ["x", "y"] })).toEqual({});
});

test("what differs is sent, also where it was taken away", () => {
  expect(changesOf(READ, { ...READ, name: "B" })).toEqual({ name: "B" });
  expect(changesOf(READ, { ...READ, uris: [] })).toEqual({ uris: [] });
  expect(changesOf({ ...READ, email: "a@example.org" }, READ)).toEqual({ email: null });
});
