import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { shadeOf } from "./shades";

const TOKENS = readFileSync(new URL("../../design/tokens.css", import.meta.url), "utf8");
const LEAST_CONTRAST = 4.5;

type Colour = [number, number, number];

/** A token in one of the themes: red, green and blue from 0 to 1. */
function token(name: string, theme: "light" | "dark"): Colour {
  const found = new RegExp(`--${name}: light-dark\\(#([0-9a-f]{6}), #([0-9a-f]{6})\\)`).exec(TOKENS);
  const digits = found?.[theme === "light" ? 1 : 2] ?? "";
  expect(digits, name).toHaveLength(6);
  const channel = (at: number) => parseInt(digits.slice(at, at + 2), 16) / 255;
  return [channel(0), channel(2), channel(4)];
}

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((each) =>
    each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4,
  ) as Colour;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Colour, other: Colour): number {
  const [least = 0, most = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (most + 0.05) / (least + 0.05);
}

test.each(["light", "dark"] as const)("numbers can be read on every shade of a cell, %s", (theme) => {
  const [ink, surface, accent] = [token("ink", theme), token("surface", theme), token("accent", theme)];
  for (let number = 0; number <= 20; number += 1) {
    const opacity = shadeOf(number, 20);
    const cell = surface.map((each, at) => each * (1 - opacity) + (accent[at] ?? 0) * opacity) as Colour;
    expect(contrast(ink, cell), `opacity ${opacity}`).toBeGreaterThanOrEqual(LEAST_CONTRAST);
  }
  expect(contrast(ink, accent), "what the shades are kept from").toBeLessThan(LEAST_CONTRAST);
});

test("a matrix of noughts is as pale as it can be, and one of a single picture no darker than others", () => {
  expect(shadeOf(0, 0)).toBe(shadeOf(0, 5));
  expect(shadeOf(1, 1)).toBe(shadeOf(5, 5));
});
