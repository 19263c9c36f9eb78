import { expect, test } from "vitest";
import type { Schema } from "@/api/client";
import { findingsOf, isPositive } from "./findings";

const XRAY = {
  atelectasis: 0.1,
  cardiomegaly: 0.3,
  consolidation: 0.9,
  edema: 0.2,
  pleural_effusion: 0.17,
} as Schema<"XRayBody">;
const MODEL = {
  labels: ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"],
  thresholds: {
    Atelectasis: 0.29,
    Cardiomegaly: 0.27,
    Consolidation: 0.24,
    Edema: 0.27,
    "Pleural Effusion": 0.17,
  },
} as unknown as Schema<"ModelBody">;

test("the likeliest finding comes first, and each has the threshold of its label", () => {
  const found = findingsOf(XRAY, MODEL);
  expect(found.map((each) => each.name)).toEqual([
    "consolidation",
    "cardiomegaly",
    "edema",
    "pleural_effusion",
    "atelectasis",
  ]);
  expect(found[3]).toEqual({
    name: "pleural_effusion",
    label: "Pleural Effusion",
    probability: 0.17,
    threshold: 0.17,
  });
  expect(found.filter(isPositive).map((each) => each.name)).toEqual([
    "consolidation",
    "cardiomegaly",
    "pleural_effusion",
  ]);
});

test("without the model there are no thresholds, and nothing counts as there", () => {
  const found = findingsOf(XRAY, undefined);
  expect(found[0]?.label).toBe("consolidation");
  expect(found.some(isPositive)).toBe(false);
});
