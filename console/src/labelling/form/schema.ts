/** What is known of a JSON Schema without its validator: its types, and the values that it lists. */
import type { Json, JsonSchema } from "./json";

const REFERENCE = "#/$defs/";
const WRAPPING: ReadonlySet<string> = new Set(["$ref", "allOf", "anyOf", "oneOf"]);
const DEEPEST = 24;
const MOST_NUMBERS = 10;

/**
 * A schema without what stands between it and its keywords: references are followed, alternatives that are only null are
 * left out, and one that remains is the schema. `true` and `false` are schemas that say nothing.
 */
export function simplified(schema: JsonSchema | boolean, document: JsonSchema, depth = 0): JsonSchema {
  if (typeof schema === "boolean" || depth > DEEPEST) return {};
  const inner = onlyPart(schema, document);
  if (inner === undefined) return schema;
  const own = Object.fromEntries(Object.entries(schema).filter(([keyword]) => !WRAPPING.has(keyword)));
  return { ...simplified(inner, document, depth + 1), ...own };
}

function onlyPart(schema: JsonSchema, document: JsonSchema): JsonSchema | boolean | undefined {
  if (schema.$ref?.startsWith(REFERENCE)) return document.$defs?.[schema.$ref.slice(REFERENCE.length)];
  if (schema.allOf?.length === 1) return schema.allOf[0];
  const [first, ...others] = (schema.anyOf ?? schema.oneOf ?? []).filter((each) => !isNull(each));
  return others.length === 0 ? first : undefined;
}

function isNull(schema: JsonSchema | boolean): boolean {
  return typeof schema === "object" && (schema.type === "null" || schema.const === null);
}

/** The types that a schema names, without null: a field that is null is not filled in. */
export function typesOf(schema: JsonSchema): string[] {
  const { type } = schema;
  return (typeof type === "string" ? [type] : (type ?? [])).filter((each) => each !== "null");
}

/** Whether a schema says nothing about the type of its values. */
export function isEmptySchema(schema: JsonSchema): boolean {
  return typesOf(schema).length === 0;
}

/** The values that a schema lists, with their titles; undefined if it lists none, or they are not simple ones. */
export function choicesOf(
  schema: JsonSchema,
  document: JsonSchema,
): { value: Json; title?: string }[] | undefined {
  const listed = schema.enum?.filter((each) => each !== null).map((value) => ({ value }));
  if (listed !== undefined) return listed.length > 0 && listed.every(isSimple) ? listed : undefined;
  if (schema.const !== undefined)
    return isSimple({ value: schema.const }) ? [{ value: schema.const }] : undefined;
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (alternatives !== undefined) return constants(alternatives, document);
  const [type, ...others] = typesOf(schema);
  if (others.length > 0) return undefined;
  if (type === "boolean") return [{ value: true }, { value: false }];
  return type === "integer" ? fewIntegers(schema) : undefined;
}

function isSimple({ value }: { value: Json }): boolean {
  return typeof value !== "object";
}

function constants(
  alternatives: (JsonSchema | boolean)[],
  document: JsonSchema,
): { value: Json; title?: string }[] | undefined {
  const found = [];
  for (const each of alternatives) {
    if (isNull(each)) continue;
    const { const: value, title } = simplified(each, document);
    if (value === undefined || !isSimple({ value })) return undefined;
    found.push(title === undefined ? { value } : { value, title });
  }
  return found.length > 0 ? found : undefined;
}

function fewIntegers(schema: JsonSchema): { value: Json }[] | undefined {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf = 1 } = schema;
  const lowest = Math.ceil(
    Math.max(
      minimum ?? -Infinity,
      exclusiveMinimum === undefined ? -Infinity : Math.floor(exclusiveMinimum) + 1,
    ),
  );
  const highest = Math.floor(
    Math.min(
      maximum ?? Infinity,
      exclusiveMaximum === undefined ? Infinity : Math.ceil(exclusiveMaximum) - 1,
    ),
  );
  const number = highest - lowest + 1;
  if (!(number >= 1 && number <= MOST_NUMBERS)) return undefined;
  const all = Array.from({ length: number }, (_each, index) => lowest + index + 0);
  const fitting = all.filter((each) => Number.isInteger(each / multipleOf));
  return fitting.length > 0 ? fitting.map((value) => ({ value })) : undefined;
}
