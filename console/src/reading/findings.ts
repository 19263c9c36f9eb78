import type { Schema } from "@/api/client";

export interface Finding {
  /** As the API calls it, such as "pleural_effusion". */
  name: FindingName;
  /** As the model calls it, such as "Pleural Effusion". */
  label: string;
  probability: number;
  threshold: number | undefined;
}

const NAMES = ["atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion"] as const;
export type FindingName = (typeof NAMES)[number];

/** The findings of an X-ray, the likeliest first, with the thresholds of the model that reads X-rays. */
export function findingsOf(xray: Schema<"XRayBody">, model: Schema<"ModelBody"> | undefined): Finding[] {
  const labels = new Map((model?.labels ?? []).map((label) => [nameOf(label), label]));
  return NAMES.map((name) => {
    const label = labels.get(name) ?? name.replaceAll("_", " ");
    return { name, label, probability: xray[name], threshold: model?.thresholds[label] };
  }).sort((one, other) => other.probability - one.probability);
}

/** Whether the model counts a finding as there. */
export function isPositive(finding: Finding): boolean {
  return finding.threshold !== undefined && finding.probability >= finding.threshold;
}

function nameOf(label: string): string {
  return label.toLowerCase().replaceAll(" ", "_");
}
