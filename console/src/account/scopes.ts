const OF_PATHS: readonly string[] = ["predict", "collect", "annotate", "hub", "read"];
const IMPLIED = ["profile", "email"];

/** The scopes of an application with what they imply: a token that opens paths of the platform opens `/self` too. */
export function openedBy(scopes: readonly string[]): string[] {
  return [...new Set([...scopes, ...(scopes.some((each) => OF_PATHS.includes(each)) ? IMPLIED : [])])];
}
