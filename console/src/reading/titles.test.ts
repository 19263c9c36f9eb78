import { expect, test } from "vitest";
import { asTitle } from "./titles";

test("a title keeps what is no control character", () => {
  expect(asTitle("chest\nPA\t\u0000.png ")).toBe("chest PA .png");
  expect(asTitle("\u202e<b>50% a_b\\胸部")).toBe("\u202e<b>50% a_b\\胸部");
});

test("a title is cut between characters", () => {
  expect(asTitle("x".repeat(300))).toHaveLength(255);
  expect(asTitle("🩻".repeat(300))).toBe("🩻".repeat(255));
});
