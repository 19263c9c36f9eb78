import { expect, test } from "vitest";
import { mismatchOf } from "./address";

function compared(here: string, base: string, issuer: string) {
  const metadata = { issuer, authorization_endpoint: `${base}/oauth/authorize` };
  return mismatchOf(new URL(`${here}/console/administration/health`), metadata);
}

test.each([
  ["https://lab.example", "https://lab.example", "https://lab.example"],
  ["https://lab.example", "https://lab.example:443", "https://lab.example/"],
  ["https://lab.example", "https://lab.example/x-ray", "https://lab.example/x-ray"],
  ["http://127.0.0.1:8000", "http://127.0.0.1:8000", "http://127.0.0.1:8000"],
  ["http://localhost:8000", "http://localhost:8000", "http://127.0.0.1:8000"],
  ["http://[::1]:8000", "http://[::1]:8000", "http://127.0.0.1:8000"],
])("%s is the address of the server", (here, base, issuer) => {
  expect(compared(here, base, issuer)).toBeNull();
});

test.each([
  ["https://lab.example", "https://old.example", "another host"],
  ["http://lab.example", "https://lab.example", "another scheme"],
  ["http://lab.example:8000", "http://lab.example", "another port"],
  ["http://localhost:8000", "http://127.0.0.1:8000", "another name of this machine"],
])("%s is not %s: %s", (here, base) => {
  expect(compared(here, base, base)).toEqual({ kind: "address", named: base });
});

test("a setting without a scheme is no address", () => {
  const found = compared("https://lab.example", "lab.example", "https://lab.example");
  expect(found).toEqual({ kind: "address", named: "lab.example/oauth/authorize" });
});

test("an issuer of another address is one that applications do not find here", () => {
  const [here, machine] = ["https://lab.example", "http://127.0.0.1:8000"];
  expect(compared(here, here, machine)).toEqual({ kind: "issuer", named: machine });
  expect(compared(machine, machine, here)).toEqual({ kind: "issuer", named: here });
});
