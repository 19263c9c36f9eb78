import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { lab, person, sample, show, signIn, visit } from "./support/lab";

const UNAUTHORIZED = "status of 401";

async function send(deviceId: string, timestamp: string, name: string): Promise<void> {
  const imageData = (await sample(name)).toString("base64");
  const answer = await fetch(`${lab.url}/collections/images`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ deviceId, timestamp, imageData }),
  });
  expect(answer.ok).toBe(true);
}

test("pictures appear as they arrive, and a device has a time line", async () => {
  const { page, done } = await visit();
  await signIn(page, await person("doctor"), "/devices");
  await page.getByText("Connected: new pictures appear by themselves.").waitFor();
  await checkAccessibility(page);
  await send("camera <1>/x", "2024-08-18T02:04:07Z", "normal.png");
  await page.getByRole("img", { name: /Picture of camera <1>\/x/ }).waitFor();
  const drawn = page.getByRole("img", { name: /Picture of camera <1>\/x/ });
  await expect.poll(() => drawn.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(0);
  await page.reload();
  await page.getByRole("link", { name: "camera <1>/x", exact: true }).waitFor();
  await checkAccessibility(page);
  await show(page, "devices");
  await send("camera <1>/x", "2025-01-02T03:04:05Z", "edema.tiff");
  await page.getByRole("link", { name: "camera <1>/x", exact: true }).click();
  await page.getByRole("heading", { name: "Pictures of camera <1>/x" }).waitFor();
  await expect.poll(() => page.getByRole("img").count()).toBe(2);
  await checkAccessibility(page);
  await show(page, "device");
  await page.getByLabel("Until").fill("2024-12-31T00:00");
  await page.getByRole("button", { name: "Show" }).click();
  await expect.poll(() => page.getByRole("img").count()).toBe(1);
  // An instant, the same wherever the address is opened.
  await expect.poll(() => new URL(page.url()).searchParams.get("to")).toBe("2024-12-30T23:00:00Z");
  expect(await page.getByLabel("Until").inputValue()).toBe("2024-12-31T00:00");
  await page.goBack();
  await expect.poll(() => page.getByRole("img").count()).toBe(2);
  await done([UNAUTHORIZED]);
});
