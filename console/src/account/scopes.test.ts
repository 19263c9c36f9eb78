import { expect, test } from "vitest";
import { openedBy } from "./scopes";

test("a scope of paths shows the account's own profile too", () => {
  expect(openedBy(["openid"])).toEqual(["openid"]);
  expect(openedBy(["openid", "account"])).toEqual(["openid", "account"]);
  expect(openedBy(["openid", "collect", "email"])).toEqual(["openid", "collect", "email", "profile"]);
});
