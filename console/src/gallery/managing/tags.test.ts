import { expect, test } from "vitest";
import { tagText, tagsOf } from "./tags";

test.each([
  ["", []],
  [" , ,", []],
  ["hand", ["hand"]],
  ["hand, left  wrist ,bone", ["hand", "left  wrist", "bone"]],
  ["手，腕、骨；左", ["手", "腕", "骨", "左"]],
])("%j has the tags %j", (text, tags) => {
  expect(tagsOf(text)).toEqual(tags);
  expect(tagsOf(tagText(tags))).toEqual(tags);
});
