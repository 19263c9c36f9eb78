import { api, ok, type Schema } from "@/api/client";
import { ifMatch, type Version, versionOf } from "@/api/versions";
import { forgetPages } from "@/components/pages";
import type { Limits, Preview } from "./limits";

export type Retention = Schema<"RetentionBody">;

/** What holds. */
export type Holding = Version<Retention>;

/** The device of a collection; null for all devices that have no rule of their own. */
export interface Whose {
  collection: string;
  device: string | null;
}

function queryOf({ collection, device }: Whose) {
  return device === null ? { collection } : { collection, deviceId: device };
}

export function retentionOf(whose: Whose): Promise<Holding> {
  return versionOf(api.GET("/api/devices/retention", { params: { query: queryOf(whose) } }));
}

export function tryRule(whose: Whose, rule: Limits | null): Promise<Preview> {
  const params = { query: queryOf(whose) };
  return ok(api.POST("/api/devices/retention/preview", { params, body: { rule } }));
}

/** Sets the rule, or takes it away. Throws `Problem`: 412 if what holds is not what the tag is of. */
export async function saveRule(whose: Whose, rule: Limits | null, tag: string): Promise<void> {
  const options = { params: { query: queryOf(whose) }, headers: ifMatch(tag) };
  if (rule === null) await ok(api.DELETE("/api/devices/retention", options));
  else await ok(api.PUT("/api/devices/retention", { ...options, body: rule }));
  forgetPages();
}

/** The names of all collections, as discovery lists them (RFC 6690). */
export async function collectionNames(): Promise<string[]> {
  const links = await ok(api.GET("/collections", { parseAs: "text" }));
  return [...String(links).matchAll(/<\/collections\/([^>/]+)>/g)].map(([, name]) =>
    decodeURIComponent(name ?? ""),
  );
}
