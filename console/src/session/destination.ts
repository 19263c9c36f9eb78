import type { RouteLocationNormalized } from "vue-router";

/** Where the sign-in leads to: only a path of the console itself, since its address may come from anywhere. */
export function afterSignIn({ query: { to } }: Pick<RouteLocationNormalized, "query">): string {
  return typeof to === "string" && /^\/(?!\/)/.test(to) ? to : "/";
}
