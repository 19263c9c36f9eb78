import type { Schema } from "@/api/client";

export type Limits = Schema<"RetentionLimits">;
export type Preview = Schema<"RetentionPreview">;

/** What is typed: no rule of one's own, everything for ever, or limits, of which one may be empty. */
export interface Form {
  kind: "none" | "forever" | "limits";
  days: string;
  gigabytes: string;
}

export const MOST_DAYS = 36_500;
/** Above that a number of bytes is no safe integer. */
export const MOST_GIGABYTES = 9_000_000;
const GIGABYTE = 1e9;

/** A field of the limits. */
export type Field = "days" | "gigabytes";

export function formOf(rule: Limits | null): Form {
  if (rule === null) return { kind: "none", days: "", gigabytes: "" };
  const { days, bytes } = rule;
  if (days === null && bytes === null) return { kind: "forever", days: "", gigabytes: "" };
  return {
    kind: "limits",
    days: days === null ? "" : String(days),
    gigabytes: bytes === null ? "" : (bytes / GIGABYTE).toFixed(9).replace(/\.?0+$/, ""),
  };
}

/** The fields of limits whose numbers are wrong; an empty one says that there is no such limit. */
export function wrongFields(form: Form): Field[] {
  if (form.kind !== "limits") return [];
  const days = Number(form.days);
  const bytes = Math.round(Number(form.gigabytes) * GIGABYTE);
  const wrong: Field[] = [];
  if (form.days !== "" && !(Number.isInteger(days) && days >= 1 && days <= MOST_DAYS)) wrong.push("days");
  if (form.gigabytes !== "" && !(bytes >= 1 && bytes <= MOST_GIGABYTES * GIGABYTE)) wrong.push("gigabytes");
  return wrong;
}

/** The rule that the form says: null for none, and undefined where limits are wanted and none is given, or a wrong one. */
export function ruleOf(form: Form): Limits | null | undefined {
  if (form.kind === "none") return null;
  if (form.kind === "forever") return { days: null, bytes: null };
  const days = form.days === "" ? null : Number(form.days);
  const bytes = form.gigabytes === "" ? null : Math.round(Number(form.gigabytes) * GIGABYTE);
  const none = days === null && bytes === null;
  return none || wrongFields(form).length > 0 ? undefined : { days, bytes };
}

/** Whether a rule may delete something at once, so that the administrator has to confirm it. */
export function deletes(preview: Preview): boolean {
  return preview.pictures > 0 || !preview.complete;
}
