import { expect, test } from "vitest";
import { findingsOf, isPositive, likeliestOf } from "./findings";

test("the likeliest finding comes first, and each has the threshold of its label", () => {
  const found = findingsOf({
    scores: { Atelectasis: 0.1, Consolidation: 0.9, "Pleural Effusion": 0.17, constructor: 0.2 },
    thresholds: { Atelectasis: 0.29, Consolidation: 0.24, "Pleural Effusion": 0.17, constructor: 0.5 },
  });
  expect(found.map((each) => each.label)).toEqual([
    "Consolidation",
    "constructor",
    "Pleural Effusion",
    "Atelectasis",
  ]);
  expect(found[2]).toEqual({ label: "Pleural Effusion", probability: 0.17, threshold: 0.17 });
  expect(found.filter(isPositive).map((each) => each.label)).toEqual(["Consolidation", "Pleural Effusion"]);
});

test("what has no threshold does not count as there", () => {
  const found = findingsOf({ scores: { A: 1 }, thresholds: {} });
  expect(found.some(isPositive)).toBe(false);
});

test("one line says the likeliest finding above its threshold, also where another one is likelier below its own", () => {
  const scores = { Atelectasis: 0.5, Consolidation: 0.4 };
  const one = { scores, thresholds: { Atelectasis: 0.6, Consolidation: 0.3 } };
  expect(likeliestOf(one)?.label).toBe("Consolidation");
  expect(likeliestOf({ scores, thresholds: { Atelectasis: 0.6, Consolidation: 0.6 } })).toBeUndefined();
});
