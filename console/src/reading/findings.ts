import type { Schema } from "@/api/client";

export interface Finding {
  /** The label of the model, such as "Pleural Effusion". */
  label: string;
  probability: number;
  threshold: number | undefined;
}

/** The findings of a prediction, the likeliest first, with the thresholds that the model had. */
export function findingsOf({ scores, thresholds }: Pick<Prediction, "scores" | "thresholds">): Finding[] {
  return Object.entries(scores)
    .map(([label, probability]) => ({ label, probability, threshold: thresholds[label] }))
    .sort((one, other) => other.probability - one.probability);
}

export type Prediction = Schema<"PredictionBody">;

/** What a prediction says in one line: the likeliest finding that the model counts as there; undefined if there is none. */
export function likeliestOf(prediction: Pick<Prediction, "scores" | "thresholds">): Finding | undefined {
  return findingsOf(prediction).find(isPositive);
}

/** Whether the model counts a finding as there. */
export function isPositive(finding: Finding): boolean {
  return finding.threshold !== undefined && finding.probability >= finding.threshold;
}
