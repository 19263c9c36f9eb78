import { createHash } from "node:crypto";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { asAdministrator, lab, person, show, signIn, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";
const CALLBACK = `${lab.url}/healthz`;
const VERIFIER = "v".repeat(43);

async function application(name: string): Promise<string> {
  const scopes = ["openid", "profile", "annotate"];
  const body = { name, redirect_uris: [CALLBACK], scopes };
  const made = await asAdministrator("POST", "/api/oauth/clients", body);
  expect(made.status).toBe(201);
  return ((await made.json()) as { client_id: string }).client_id;
}

/** Lets an application in, as people do on the page that it sends them to. */
async function letIn(page: Page, clientId: string): Promise<string> {
  const asked = new URLSearchParams({
    response_type: "code",
    client_id: clientId,
    redirect_uri: CALLBACK,
    scope: "openid annotate",
    code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"),
    code_challenge_method: "S256",
  });
  await page.goto(`/oauth/authorize?${asked.toString()}`);
  await page.getByRole("button", { name: "Allow", exact: true }).click();
  await expect.poll(() => page.url()).toContain(`${CALLBACK}?code=`);
  const code = new URL(page.url()).searchParams.get("code") ?? "";
  const form = { grant_type: "authorization_code", client_id: clientId, redirect_uri: CALLBACK, code };
  const body = new URLSearchParams({ ...form, code_verifier: VERIFIER });
  const answer = await fetch(`${lab.url}/oauth/token`, { method: "POST", body });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { refresh_token: string }).refresh_token;
}

test("an application that was let in is in view, and its permission is taken back", async () => {
  const clientId = await application("<b>Atlas</b> أطلس");
  const { page, done } = await visit({ width: 360, height: 740 });
  await signIn(page, await person("doctor"), "/account");
  const applications = page.getByRole("region", { name: "Applications" });
  await applications.getByText("You have let in no applications.").waitFor();
  const refreshToken = await letIn(page, clientId);

  await page.goto("/console/account");
  await applications.getByRole("heading", { name: "<b>Atlas</b> أطلس" }).waitFor();
  await applications.getByText("know which account is yours").waitFor();
  await applications.getByText("label pictures in your name").waitFor();
  await applications.getByText("see your name and your photo").waitFor(); // at /self
  expect(await applications.getByText("send pictures to the collection").count()).toBe(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await checkAccessibility(page);
  await applications.scrollIntoViewIfNeeded();
  await show(page, "applications-small");

  await applications.getByRole("button", { name: /^Take back: .*Atlas/ }).click();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByRole("button", { name: "Take back" }).click();
  await page
    .getByText(/Atlas.* may do nothing in your name any more\./)
    .first()
    .waitFor();
  await applications.getByText("You have let in no applications.").waitFor();
  const form = { grant_type: "refresh_token", client_id: clientId, refresh_token: refreshToken };
  const body = new URLSearchParams(form);
  const refused = await fetch(`${lab.url}/oauth/token`, { method: "POST", body });
  expect([refused.status, ((await refused.json()) as { error: string }).error]).toEqual([
    400,
    "invalid_grant",
  ]);
  await done([UNAUTHORIZED]);
});
