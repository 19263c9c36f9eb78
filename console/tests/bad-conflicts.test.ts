import { expect, test } from "vitest";
import { checkAccessibility } from "./support/accessibility";
import { group, picturesOf, png } from "./support/gallery";
import { asAdministrator, lab, show, signIn, visit } from "./support/lab";

const EXPECTED = ["status of 401", "status of 412"];

test("what somebody else has written about a picture is shown beside one's own, and not overwritten", async () => {
  const made = await group({ title: "Written twice" }, [{ name: "twice.png", data: png(60, 40, 97) }]);
  const path = `/api/gallery/pictures/${made.pictures[0]}`;
  const { page, done } = await visit({ width: 360, height: 740 });
  await signIn(page, lab.administrator, `/gallery/manage/${made.id}`);
  const dialog = page.getByRole("dialog");
  const titles = async () => (await picturesOf(made.id)).map((each) => each.title);

  await page.getByRole("button", { name: "Edit: twice.png" }).click();
  await expect.poll(() => dialog.getByLabel("Name of the file").inputValue()).toBe("twice.png");
  await dialog.getByLabel("Title").fill("Mine");
  await asAdministrator("PATCH", path, { title: "Theirs" });
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("Somebody else has changed this meanwhile.").waitFor();
  await dialog.getByText("Theirs", { exact: true }).waitFor();
  await dialog.getByText("Mine", { exact: true }).waitFor();
  expect(await titles()).toEqual(["Theirs"]);
  await checkAccessibility(page);
  await show(page, "bad-conflict-picture");

  // A third version comes while the reader thinks about the two.
  await asAdministrator("PATCH", path, { title: "The third" });
  await dialog.getByRole("button", { name: "Save mine" }).click();
  await dialog.getByText("The third", { exact: true }).waitFor();
  expect(await titles()).toEqual(["The third"]);
  await dialog.getByRole("button", { name: "Save mine" }).click();
  await expect.poll(titles).toEqual(["Mine"]);
  await done(EXPECTED);
});

test("a group that is deleted while it is edited is said to be gone", async () => {
  const made = await group({ title: "Deleted meanwhile" }, []);
  const { page, done } = await visit();
  await signIn(page, lab.administrator, `/gallery/manage/${made.id}`);
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  await expect.poll(() => dialog.getByLabel("Title").inputValue()).toBe("Deleted meanwhile");
  await dialog.getByLabel("Title").fill("Too late");
  await asAdministrator("DELETE", `/api/gallery/groups/${made.id}?pictures=keep`);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("alert").getByText("There is no such group any more.").waitFor();
  expect(await dialog.getByLabel("Title").inputValue()).toBe("Too late");
  await done([...EXPECTED, "status of 404"]);
});
