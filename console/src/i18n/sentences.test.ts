import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SRC = fileURLToPath(new URL("..", import.meta.url));
const SOURCES = new Map(
  readdirSync(SRC, { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(vue|ts)$/.test(path) && !/\.(test|d)\.ts$/.test(path))
    .map((path) => [join(SRC, path), readFileSync(join(SRC, path), "utf8")]),
);

/** The object literal that begins at a brace. Braces in its texts come in pairs, as those of names do. */
function literalAt(text: string, begin: number): string {
  let depth = 0;
  for (let at = begin; at < text.length; at += 1) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}" && --depth === 0) return text.slice(begin, at + 1);
  }
  throw new Error("an object without an end");
}

/** The English sentences that a file defines, by their keys with dots. */
function sentencesOf(text: string): string[] {
  const found = /(?:defineMessages\(\{\s*en: |const en = )(?=\{)/.exec(text);
  if (found === null) return [];
  const literal = literalAt(text, found.index + found[0].length);
  return keysOf(new Function(`return ${literal}`)() as object);
}

function keysOf(tree: object): string[] {
  return Object.entries(tree).flatMap(([key, each]: [string, unknown]) =>
    typeof each === "object" && each !== null ? keysOf(each).map((inner) => `${key}.${inner}`) : [key],
  );
}

/** The modules that import one. */
function importersOf(path: string): string[] {
  const module = path.replace(/\.ts$/, "");
  const imports = (from: string, text: string) =>
    [...text.matchAll(/from "([^"]+)"/g)].some(([, to = ""]) => {
      const target = to.startsWith("@/") ? join(SRC, to.slice(2)) : resolve(dirname(from), to);
      return target === module;
    });
  return [...SOURCES].filter(([from, text]) => imports(from, text)).map(([from]) => from);
}

/**
 * The sources that can name the sentences of a file: those of its folder, of which some only have the keys, and those that
 * import it, some of which give them to others in turn; all for those that all share.
 */
function readersOf(path: string): string[] {
  if (path.endsWith(join("i18n", "common.ts"))) return [...SOURCES.values()];
  const importers = importersOf(path);
  const wordings = importers.filter((each) => each.endsWith("wording.ts"));
  const neighbours = [...SOURCES.keys()].filter((each) => dirname(each) === dirname(path));
  const paths = [...neighbours, ...importers, ...wordings.flatMap(importersOf)];
  return paths.map((each) => SOURCES.get(each) ?? "");
}

/** Whether a source has the key as a text, or as what a template can be, such as `states.${state}`. */
function names(text: string, key: string): boolean {
  if (["'", '"', "`"].some((quote) => text.includes(`${quote}${key}${quote}`))) return true;
  const templates = [...text.matchAll(/`((?:[\w.]|\$\{[^}`]*\})+)`/g)].map(([, template = ""]) => template);
  return templates.some((template) => {
    const parts = template.split(/\$\{[^}]*\}/);
    const pattern = parts.map((part) => part.replaceAll(".", "\\.")).join(".+");
    return parts.length > 1 && parts.some((part) => /\w/.test(part)) && new RegExp(`^${pattern}$`).test(key);
  });
}

// The server names the sentences of refusals, by its codes; a test of the server looks for each.
const DEFINING = [...SOURCES]
  .filter(([path, text]) => sentencesOf(text).length > 0 && !/refusals-(en|zh)\.ts$/.test(path))
  .map(([path]) => path);

test("the files with sentences are found", () => {
  expect(DEFINING.length).toBeGreaterThan(20);
});

test.each(DEFINING.map((path) => relative(SRC, path)))("all sentences of %s are used", (name) => {
  const path = join(SRC, name);
  const readers = readersOf(path);
  const unused = sentencesOf(SOURCES.get(path) ?? "").filter(
    (key) => !readers.some((text) => names(text, key)),
  );
  expect(unused).toEqual([]);
});
