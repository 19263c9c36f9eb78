import { describe, expect, test } from "vitest";
import { Problem } from "@/api/problem";
import { bodyOf, enteredOf, errorOf, linesOf } from "./clients";

test("lines are trimmed, and each is there once", () => {
  expect(linesOf(" https://a.example/x \n\nhttps://b.example\nhttps://a.example/x\n")).toEqual([
    "https://a.example/x",
    "https://b.example",
  ]);
});

describe("what is sent of the form of an application", () => {
  test("is what it was made of", () => {
    const client = {
      name: "Reading room",
      first_party: true,
      redirect_uris: ["https://a.example/x", "org.example.app:/x"],
      post_logout_redirect_uris: [],
      allowed_origins: ["https://a.example"],
      scopes: ["openid", "account"],
    };
    const rest = { id: 1, client_id: "a", confidential: true, created_at: "", modified_at: "" };
    expect(bodyOf(enteredOf({ ...client, ...rest }))).toEqual(client);
  });

  test("has the whole account only where the application is of this installation", () => {
    const entered = { ...enteredOf(), scopes: ["openid", "account"] as ("openid" | "account")[] };
    expect(bodyOf(entered).scopes).toEqual(["openid"]);
    expect(bodyOf({ ...entered, firstParty: true }).scopes).toEqual(["openid", "account"]);
  });
});

const refusal = (detail: string) => ({ detail, code: "", parameters: {} });

test("the error of a list is that of its first wrong value", () => {
  const problem = new Problem(422, "", {
    "origins.1": refusal("It has no scheme."),
    originsX: refusal("another"),
  });
  expect(errorOf(problem, "origins")).toEqual(refusal("It has no scheme."));
  expect(errorOf(problem, "name")).toBeUndefined();
});
