import { api, ok, type Schema } from "@/api/client";
import type { JsonSchema } from "./json";

export interface LabelScheme {
  /** As `name/version`. */
  name: string;
  title: string;
  document: JsonSchema;
}

const known = new Map<string, Promise<LabelScheme>>();

/** A version of a scheme, which never changes: it is asked for once. `reference` is `name/version`. */
export function fetchScheme(reference: string): Promise<LabelScheme> {
  const found = known.get(reference) ?? ask(reference);
  known.set(reference, found);
  found.catch(() => known.delete(reference));
  return found;
}

async function ask(reference: string): Promise<LabelScheme> {
  const [name = "", version = ""] = reference.split("/");
  const path = { name, version: Number(version) };
  const found = await ok(api.GET("/api/schemes/{name}/{version}", { params: { path } }));
  return { name: reference, title: found.title, document: documentOf(found) };
}

/** The document of a scheme. The server has checked that it is a JSON Schema of an object. */
export function documentOf(scheme: Schema<"SchemeBody">): JsonSchema {
  return scheme.schema as JsonSchema;
}
