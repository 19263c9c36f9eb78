import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { file, folder, group, png, share } from "./support/gallery";
import { asAdministrator, lab, sample, show, signIn, visit } from "./support/lab";
import { as, assign, images, reader } from "./support/labelling";

const LONGEST = 255;
const MARKUP = "<img src=x onerror=alert(1)>";
/** Letters from right to left. What turns all that follows it, such as U+202E, is refused by the server in names. */
const TURNED = "\u0635\u0648\u0631\u0627\u0644\u0635\u062f\u0631";

/** A name of the greatest length with all of it, and nothing at which a line could be broken. */
function name(length = LONGEST): string {
  const start = `${MARKUP}${TURNED}`;
  return start + "W".repeat(length - start.length);
}
const NAME = name();
/** By this part the tests find it. */
const PART = "WWWWWWWW";

/** The addresses of the pages that show such a name. */
const pages: string[] = [];

async function made(asked: Promise<Response>): Promise<Record<string, unknown>> {
  const answer = await asked;
  const text = await answer.text();
  expect(answer.ok, text).toBe(true);
  return JSON.parse(text) as Record<string, unknown>;
}

beforeAll(async () => {
  // Readings
  const form = new FormData();
  form.append("title", NAME);
  form.append("model", "chest-findings");
  form.append("file", new Blob([new Uint8Array(await sample("normal.png"))]), "normal.png");
  const prediction = await made(asAdministrator("POST", "/api/predictions", form));
  pages.push("/reading", `/reading/${String(prediction.id)}`);

  // Nicknames
  const doctor = await reader("doctor");
  await made(asAdministrator("PUT", `/api/accounts/${doctor.id}`, { nickname: name(60) }));
  const [image = 0] = await images(1);
  const assignment = await assign({ mode: "assigned", readers: 1, doctors: [doctor.id], images: [image] });
  const label = await made(as(doctor, "POST", "/api/labels", { dr: true }));
  const jobs = (await made(asAdministrator("GET", `/api/jobs?account_id=${doctor.id}`))) as {
    data?: { job_id: string }[];
  };
  const job = jobs.data?.[0]?.job_id;
  await made(as(doctor, "PUT", `/api/jobs/${job}`, { label_id: label.label_id }));
  await made(as(doctor, "PUT", `/api/jobs/${job}`, { job_state: 202 }));
  pages.push(
    `/administration/accounts?name=${doctor.username}`,
    "/labelling/assignments",
    `/labelling/assignments/${assignment}`,
    "/labelling/agreement",
    "/labelling/exports",
    `/labelling/images/${image}`,
  );

  // Devices
  const imageData = (await sample("normal.png")).toString("base64");
  const deviceId = name(100);
  const sent = { deviceId, timestamp: "2024-08-18T02:04:07Z", imageData };
  await made(asAdministrator("POST", "/collections/images", sent));
  pages.push("/devices", `/devices/images/${encodeURIComponent(deviceId)}`);

  // Keys
  await made(asAdministrator("POST", "/api/keys", { name: name(100), scopes: ["read"] }));
  pages.push("/account", "/administration/keys");

  // Front ends
  const registered = { name: name(100), redirect_uris: ["https://rooms.example/back"], scopes: ["openid"] };
  const client = await made(asAdministrator("POST", "/api/oauth/clients", registered));
  pages.push("/administration/clients", `/administration/clients/${String(client.id)}`);

  // The gallery
  const fields = { title: NAME, caption: NAME };
  const { id, pictures } = await group(fields, [{ name: `${"W".repeat(251)}.png`, data: png(60, 40, 95) }]);
  const [picture = 0] = pictures;
  await made(asAdministrator("PATCH", `/api/gallery/pictures/${picture}`, { title: NAME, caption: NAME }));
  await made(asAdministrator("POST", "/api/gallery/groups", { title: NAME, parent: id }));
  const place = await folder(name(200).replaceAll(/[<>"'/=|:*?\\]/g, "_"));
  await file(place, `${TURNED}${"W".repeat(230)}.png`, png(60, 40, 96));
  pages.push(
    "/gallery",
    `/gallery/groups/${id}`,
    `/gallery/pictures/${picture}`,
    `/gallery/search?q=${PART}`,
    "/gallery/manage",
    `/gallery/manage/${id}`,
    (await share(id)).replace(`${lab.url}/console`, ""),
    "/gallery/drive",
    `/gallery/drive?folder=${place}`,
  );
});

/** The texts with a name that would turn the words around it: it has neither an element of its own nor is isolated. */
async function mixed(page: Page): Promise<string[]> {
  return page.evaluate((part) => {
    const found: string[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.textContent ?? "";
      if (!text.includes(part) || !text.includes("\u0635")) continue;
      let isAlone = false;
      for (let each = node.parentElement; each && !isAlone; each = each.parentElement) {
        const { display, unicodeBidi } = getComputedStyle(each);
        if (each.matches("bdi, option, textarea")) isAlone = each.textContent?.trim() === text.trim();
        else if (display !== "inline") {
          isAlone = each.textContent?.trim() === text.trim() && unicodeBidi !== "bidi-override";
          if (!isAlone) break;
        }
      }
      if (!isAlone && !text.includes("\u2068")) found.push(text.slice(0, 300));
    }
    for (const each of document.querySelectorAll("[aria-label], [title], [alt]")) {
      for (const attribute of ["aria-label", "title", "alt"]) {
        const text = each.getAttribute(attribute) ?? "";
        const isAlone = /^(.img src.x onerror.alert\(1\).)?[\u0621-\u064a]+W+(\.png)?$/.test(text);
        if (text.includes(part) && text.includes("\u0635") && !isAlone && !text.includes("\u2068"))
          found.push(`${attribute}: ${text.slice(0, 300)}`);
      }
    }
    return found;
  }, PART);
}

test(
  "names with markup, right-to-left letters and 255 characters stay names",
  { timeout: 240_000 },
  async () => {
    const { page, done } = await visit({ width: 360, height: 740 });
    await signIn(page, lab.administrator);
    const alerts: string[] = [];
    page.on("dialog", (dialog) => alerts.push(dialog.message()));
    const wrong: Record<string, unknown> = {};
    for (const [at, path] of pages.entries()) {
      await page.goto(`${lab.url}/console${path}`);
      try {
        await page.getByText(PART).first().waitFor({ state: "attached", timeout: 10_000 });
        expect(await mixed(page)).toEqual([]);
        expect(await page.locator("img[src=x]").count()).toBe(0);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
        await checkAccessibility(page);
      } catch (error) {
        wrong[path] = String(error).slice(0, 1200);
      }
      await show(page, `bad-names-${at}`);
    }
    expect(wrong).toEqual({});
    expect(alerts).toEqual([]);
    await done(["status of 401"]);
  },
);

test("names do not turn the words of dialogs and messages", async () => {
  const { page, done } = await visit({ width: 1280, height: 800 });
  await signIn(page, lab.administrator, "/administration/clients");
  await page.getByRole("link", { name: PART }).first().click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".toast").getByText(PART).waitFor();
  expect(await mixed(page)).toEqual([]);
  await page.getByRole("button", { name: /Remove|Delete/ }).click();
  await page.getByRole("alertdialog").or(page.getByRole("dialog")).getByText(PART).first().waitFor();
  expect(await mixed(page)).toEqual([]);

  await page.goto(`${lab.url}/console/administration/keys`);
  await page.getByRole("row").filter({ hasText: PART }).getByRole("button").first().click();
  await page.getByRole("alertdialog").or(page.getByRole("dialog")).getByText(PART).first().waitFor();
  expect(await mixed(page)).toEqual([]);

  await page.goto(`${lab.url}/console${pages.at(-1)}`);
  for (const action of ["Rename", "Delete"]) {
    await page
      .getByRole("button", { name: new RegExp(`^${action}: `) })
      .first()
      .click();
    const dialog = page.getByRole("alertdialog").or(page.getByRole("dialog"));
    await dialog.getByText(PART).first().waitFor();
    expect(await mixed(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  }
  await done(["status of 401"]);
});
