import { expect, test } from "vitest";
import { photoPath } from "./photo";

test.each([
  ["default.png", "/api/uploads/photos/default.png"],
  ["-x_Y9.jpg", "/api/uploads/photos/-x_Y9.jpg"],
  ["/uploads/photos/a.png", "/api/uploads/photos/a.png"],
  ["/api/uploads/photos/a.png/", "/api/uploads/photos/a.png"],
  ["https://elsewhere.example/a.png", null],
  ["//elsewhere.example/a.png", null],
  ["/oauth/logout", null],
  ["..", null],
])("the path of the photo %s", (photo, path) => {
  expect(photoPath(photo)).toBe(path);
});
