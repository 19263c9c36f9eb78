import { expect, test } from "vitest";
import { pageOfShare } from "./share-link";

test("a link leads to the page, where this page comes from", () => {
  expect(pageOfShare("http://gateway:8000/image/shared/aB-_9", "https://lab.example")).toBe(
    "https://lab.example/console/gallery/shared/aB-_9",
  );
});
