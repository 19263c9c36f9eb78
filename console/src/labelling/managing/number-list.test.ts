import { expect, test } from "vitest";
import { numbersOf } from "./number-list";

test.each<[string, number[] | null]>([
  ["1", [1]],
  ["3, 1,3", [1, 3]],
  ["1, 4, 7-9", [1, 4, 7, 8, 9]],
  ["7–8，2", [2, 7, 8]],
  ["", null],
  ["9-7", null],
  ["a", null],
  ["1 2", null],
  ["1-99999999", null],
])("%s", (text, numbers) => {
  expect(numbersOf(text)).toEqual(numbers);
});
