import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { addAuthenticator } from "./support/authenticator";
import { lab, person, show, signIn, toast, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";

test("a passkey is added, renamed, signs in by the button, and is removed", async () => {
  const { page, done } = await visit({ url: lab.urlByName });
  const authenticator = await addAuthenticator(page);
  await authenticator.present(false); // so that the browser's suggestions take nothing by themselves
  await signIn(page, await person("doctor"), "/account");
  const passkeys = page.getByRole("region", { name: "Passkeys" });
  await passkeys.getByText("You have no passkeys.").waitFor();
  await passkeys.getByRole("button", { name: "Add a passkey" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a passkey" });
  await dialog.getByLabel("Name").fill("<i>phone</i> هاتف");
  await checkAccessibility(page);
  await authenticator.present(true);
  await dialog.getByRole("button", { name: "Make it" }).click();
  await toast(page, "The passkey \u2068<i>phone</i> هاتف\u2069 is added.").waitFor();
  await passkeys.getByRole("cell", { name: "never" }).waitFor();
  expect(await authenticator.credentials()).toBe(1);

  await passkeys.getByRole("button", { name: "Add a passkey" }).click();
  await dialog.getByLabel("Name").fill("again");
  await dialog.getByRole("button", { name: "Make it" }).click();
  await dialog.getByText("This device has a passkey for your account already.").waitFor();
  await page.keyboard.press("Escape");
  await authenticator.present(false);

  await passkeys.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Phone");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await passkeys.getByRole("cell", { name: "Phone", exact: true }).waitFor();

  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  const button = page.getByRole("button", { name: "Sign in with a passkey" });
  await button.waitFor();
  await checkAccessibility(page);
  await show(page, "passkeys-sign-in");
  await authenticator.verified(false);
  await authenticator.present(true);
  await button.click();
  await page.getByRole("alert").getByText("No passkey was used: it was cancelled or not allowed").waitFor();
  await authenticator.verified(true);
  await button.click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();

  await page.goto("/console/account");
  await passkeys.getByRole("row", { name: /^Phone .* ago|^Phone .* now/ }).waitFor();
  await checkAccessibility(page);
  await show(page, "passkeys");
  await passkeys.getByRole("button", { name: "Remove: Phone" }).click();
  await checkAccessibility(page);
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await passkeys.getByText("You have no passkeys.").waitFor();

  // The device still has it: what it says is refused, in words.
  await authenticator.present(false);
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await button.waitFor();
  await authenticator.present(true);
  await button.click();
  await page.getByRole("alert").getByText("This passkey is not known here any more").waitFor();
  await done([UNAUTHORIZED]);
});

test("the browser suggests a passkey on the sign-in page, and after a session has ended", async () => {
  const doctor = await person("doctor");
  const { page, done } = await visit({ url: lab.urlByName });
  const authenticator = await addAuthenticator(page);
  await signIn(page, doctor, "/account");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("laptop");
  await page.getByRole("dialog").getByRole("button", { name: "Make it" }).click();
  await page.getByRole("cell", { name: "laptop", exact: true }).waitFor();

  // The virtual authenticator takes what is suggested, as somebody does who chooses it in the field of the name.
  const chosen = page.waitForResponse((answer) => answer.url().endsWith("/api/passkeys/sign-in"));
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  expect((await chosen).status()).toBe(200);
  await page.getByRole("navigation", { name: "Main" }).waitFor();

  await authenticator.present(false);
  await page.goto("/console/account");
  await page.getByText("this one").waitFor();
  await page.evaluate(() => fetch("/api/sessions", { method: "DELETE" }));
  await page.getByRole("button", { name: "Make a key" }).click();
  await page.getByLabel("Name", { exact: true }).fill("scanner");
  await page.getByRole("dialog").getByRole("button", { name: "Make a key" }).click();
  const ended = page.getByRole("dialog", { name: "Your session has ended" });
  const button = ended.getByRole("button", { name: "Sign in with a passkey" });
  await button.waitFor();
  await checkAccessibility(page);
  // Both dialogs have the same place, where the later one of the page is seen.
  expect(await page.locator("[role=dialog]").last().innerText()).toContain("Your session has ended");
  await show(page, "passkeys-session-ended");
  await authenticator.present(true);
  await button.click();
  await page.getByRole("dialog", { name: "The new key" }).waitFor();
  await done([UNAUTHORIZED]);
});

test("what is suggested for long gets another challenge, before the first one ends", async () => {
  const { page, done } = await visit({ url: lab.urlByName });
  const authenticator = await addAuthenticator(page);
  await authenticator.present(false);
  await page.clock.install();
  const asked: string[] = [];
  page.on("response", (answer) => {
    if (answer.url().endsWith("/api/passkeys/sign-in/options")) asked.push(String(answer.status()));
  });
  await page.goto("/console/sign-in");
  await expect.poll(() => asked).toEqual(["200"]);
  await page.clock.fastForward("03:50");
  expect(asked).toHaveLength(1);
  await page.clock.fastForward("00:15");
  await expect.poll(() => asked).toEqual(["200", "200"]);
  await done([UNAUTHORIZED]);
});

test("a passkey takes a fresh sign-in", async () => {
  const doctor = await person("doctor");
  const { page, done } = await visit({ url: lab.urlByName, width: 360, height: 740, dark: true });
  const authenticator = await addAuthenticator(page);
  await authenticator.present(false);
  await signIn(page, doctor, "/account");
  // The clock of the server can't be moved, so its answer to the first request is what it is after ten minutes.
  const problem = { type: "/problems/sign-in-too-old", title: "Forbidden", status: 403, detail: "" };
  await page.route("**/api/passkeys/options", (route) => route.fulfill({ status: 403, json: problem }), {
    times: 1,
  });
  await page.getByRole("button", { name: "Add a passkey" }).click();
  const dialog = page.getByRole("dialog", { name: "Add a passkey" });
  await dialog.getByLabel("Name").fill("tablet");
  await dialog.getByRole("button", { name: "Make it" }).click();
  await dialog.getByText("You have signed in more than ten minutes ago.").waitFor();
  await checkAccessibility(page);
  await show(page, "passkeys-again-dark-small");
  await dialog.getByLabel("Password").fill(doctor.password);
  await authenticator.present(true);
  await dialog.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByRole("cell", { name: "tablet", exact: true }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await done([UNAUTHORIZED, "status of 403"]);
});

test.each([
  [0, "The server can't be reached. Check the connection, and try again."],
  [429, "Too many requests. Try again in a while."],
  [503, "The server is busy, or is being restarted. Try again in a while."],
])("a server that does not give a challenge (%i) is said in words", async (status, sentence) => {
  const { page, done } = await visit({ url: lab.urlByName });
  await addAuthenticator(page);
  await page.route("**/api/passkeys/sign-in/options", (route) =>
    status === 0 ? route.abort() : route.fulfill({ status, body: "" }),
  );
  await page.goto("/console/sign-in");
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.getByRole("alert").getByText(sentence, { exact: true }).waitFor();
  await done([UNAUTHORIZED, "Failed to load resource"]);
});

test("at an address there are no passkeys, and the page says where there are", async () => {
  const { page, done } = await visit({ width: 360, height: 740 });
  await page.goto("/console/account");
  await page.getByText("they need the name of a host").waitFor();
  expect(await page.getByRole("button", { name: "Sign in with a passkey" }).count()).toBe(0);
  const link = page.getByRole("link", { name: `Open it as ${new URL(lab.urlByName).host}` });
  expect(await link.getAttribute("href")).toBe(`${lab.urlByName}/console/sign-in?to=/account`);
  await checkAccessibility(page);
  await show(page, "passkeys-address-small");
  await signIn(page, await person("doctor"), "/account");
  await page.getByRole("region", { name: "Passkeys" }).getByText("they need the name of a host").waitFor();
  expect(await page.getByRole("button", { name: "Add a passkey" }).count()).toBe(0);
  await done([UNAUTHORIZED]);
});
