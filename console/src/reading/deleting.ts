import { reactive, readonly } from "vue";
import { api, ok } from "@/api/client";
import { Problem } from "@/api/problem";
import type { Prediction } from "./findings";
import { removePrediction } from "./uploads";

const NOT_FOUND = 404;
const ids = reactive(new Set<number>());

/** The ids of what was deleted since the page was loaded, for lists that were loaded before. No id is given twice. */
export const deleted = readonly(ids);

/** Deletes predictions, one after the other. What is not there any more counts as deleted. Throws `Problem`. */
export async function deletePredictions(predictions: readonly Prediction[]): Promise<void> {
  const gone: number[] = [];
  try {
    for (const { id } of predictions) {
      await deleteOne(id);
      gone.push(id);
    }
  } finally {
    for (const id of gone) {
      ids.add(id);
      removePrediction(id);
    }
  }
}

async function deleteOne(id: number): Promise<void> {
  try {
    await ok(api.DELETE("/api/predictions/{prediction_id}", { params: { path: { prediction_id: id } } }));
  } catch (error) {
    if (!(error instanceof Problem && error.status === NOT_FOUND)) throw error;
  }
}
