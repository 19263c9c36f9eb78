import { beforeEach, describe, expect, test, vi } from "vitest";
import { downloadName, fileAddress, ownPath } from "./files";

beforeEach(() => {
  vi.stubGlobal("location", { origin: "https://lab.example" });
});

describe("the file of a picture", () => {
  test.each([
    ["/image/file/7?w=700", "/image/file/7"],
    ["/image/file/7?w=700&key=a.b-c_d", "/image/file/7?key=a.b-c_d"],
    ["/image/file/7", "/image/file/7"],
  ])("of %s is at %s", (src, address) => {
    expect(fileAddress({ src, name: "" })).toBe(address);
  });

  test.each([
    ["hand.jpg", "hand.jpg"],
    ["hand.TIF", "hand.TIF.png"],
    ["hand.tiff", "hand.tiff.png"],
    ["hand.dcm", "hand.dcm.png"],
    ["tiff", "tiff"],
  ])("%s is kept as %s, by what its bytes are", (name, kept) => {
    expect(downloadName({ src: "", name })).toBe(kept);
  });

  test("is asked of where the page comes from", () => {
    expect(ownPath("http://gateway:8000/image/upload-sessions/x?y=1")).toBe("/image/upload-sessions/x?y=1");
    expect(ownPath("/image/file/1")).toBe("/image/file/1");
  });
});
