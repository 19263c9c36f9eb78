/**
 * The form of a label scheme: its fields, made from the JSON Schema of the scheme.
 *
 * Types, enumerations, bounds, references into `$defs`, and objects one level deep become fields of their kind; whatever
 * else a schema says is a field in which JSON is written, and the server checks all labels by the whole schema.
 */
import type { Json, JsonSchema } from "./json";
import { choicesOf, isEmptySchema, simplified, typesOf } from "./schema";
import type { LabelScheme } from "./schemes";

export interface Choice {
  value: Json;
  /** What the schema calls it; a value without a title is shown as it is. */
  title?: string;
  /** The key that chooses it where its field is active; "" for none. */
  key: string;
}

interface Described {
  /** The name of the scheme, without its version. */
  scheme: string;
  /** The names of the members that lead to the value: of one, or of a group and one in it. */
  path: readonly [string] | readonly [string, string];
  /** The path with dots, as the server's errors name fields. */
  id: string;
  /** The title of the schema; "" if it has none. */
  title: string;
  description: string;
  required: boolean;
}

export type Field = Described &
  (
    | { kind: "choice"; choices: Choice[] }
    | { kind: "open"; choices: Choice[]; maxLength?: number }
    | { kind: "choices"; choices: Choice[]; minItems: number; maxItems: number }
    | {
        kind: "number";
        integer: boolean;
        minimum?: number;
        maximum?: number;
        exclusiveMinimum?: number;
        exclusiveMaximum?: number;
        multipleOf?: number;
      }
    | { kind: "text"; minLength: number; maxLength: number; lines: number }
    | { kind: "json" }
  );

/** Fields that the schema has in an object, or those beside it. */
export interface Group {
  scheme: string;
  /** The name of the object; "" for the label itself. */
  name: string;
  title: string;
  description: string;
  required: boolean;
  fields: Field[];
}

type Scheme = Pick<LabelScheme, "name" | "document">;

const LONG_TEXT = 200;
const LONGEST = 10_000;
const GRADES = ["0", "1", "2", "3", "4"];

/** The fields of a scheme in their order, in groups: a nested object is one, and so is what is between two of them. */
export function groupsOf({ name: reference, document }: Scheme): Group[] {
  const groups: Group[] = [];
  const scheme = reference.replace(/\/.*/, "");
  const required = new Set(document.required ?? []);
  for (const [name, each] of Object.entries(document.properties ?? {})) {
    const schema = simplified(each, document);
    const described = { title: schema.title ?? "", description: schema.description ?? "" };
    const nested = nestedFields(scheme, name, schema, document);
    if (nested !== undefined) {
      groups.push({ scheme, name, ...described, required: required.has(name), fields: nested });
      continue;
    }
    const field = fieldOf(scheme, [name], schema, document, required.has(name));
    const last = groups.at(-1);
    if (last?.name === "") last.fields.push(field);
    else groups.push({ scheme, name: "", title: "", description: "", required: true, fields: [field] });
  }
  return groups;
}

export function fieldsOf(scheme: Scheme): Field[] {
  return groupsOf(scheme).flatMap((group) => group.fields);
}

function nestedFields(
  scheme: string,
  name: string,
  schema: JsonSchema,
  document: JsonSchema,
): Field[] | undefined {
  const [type, ...others] = typesOf(schema);
  const properties = Object.entries(schema.properties ?? {});
  if (type !== "object" || others.length > 0 || properties.length === 0) return undefined;
  const required = new Set(schema.required ?? []);
  return properties.map(([inner, each]) =>
    fieldOf(scheme, [name, inner], simplified(each, document), document, required.has(inner)),
  );
}

function fieldOf(
  scheme: string,
  path: Described["path"],
  schema: JsonSchema,
  document: JsonSchema,
  required: boolean,
): Field {
  const described: Described = {
    scheme,
    path,
    id: path.join("."),
    title: schema.title ?? "",
    description: schema.description ?? "",
    required,
  };
  const choices = choicesOf(schema, document);
  if (choices !== undefined) return { ...described, kind: "choice", choices: withKeys(choices) };
  const open = openField(schema, document);
  if (open !== undefined) return { ...described, ...open };
  const [type, ...others] = typesOf(schema);
  if (others.length > 0 || isEmptySchema(schema)) return { ...described, kind: "json" };
  switch (type) {
    case "string": {
      const maxLength = schema.maxLength ?? LONGEST;
      const lines = (schema.maxLength ?? 0) > LONG_TEXT ? 3 : 1;
      return { ...described, kind: "text", minLength: schema.minLength ?? 0, maxLength, lines };
    }
    case "integer":
    case "number": {
      const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
      const bounds = { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf };
      return { ...described, kind: "number", integer: type === "integer", ...bounds };
    }
    case "array": {
      const items = schema.items === undefined ? undefined : simplified(schema.items, document);
      const each = items === undefined ? undefined : choicesOf(items, document);
      if (each === undefined) return { ...described, kind: "json" };
      const { minItems = 0, maxItems = each.length } = schema;
      return { ...described, kind: "choices", choices: withKeys(each), minItems, maxItems };
    }
    default:
      return { ...described, kind: "json" };
  }
}

/**
 * A field that takes yes and no or grades, and any text beside them, as all of the built-in scheme do; undefined if the
 * schema is not of that kind. Grades are texts, as TheYelda's clients send them, so that readers of both agree.
 */
function openField(
  schema: JsonSchema,
  document: JsonSchema,
): { kind: "open"; choices: Choice[]; maxLength?: number } | undefined {
  const alternatives = (schema.anyOf ?? schema.oneOf ?? [schema]).map((each) => simplified(each, document));
  const types = new Set(alternatives.flatMap(typesOf));
  if (!types.has("string") || !(types.has("boolean") || types.has("integer"))) return undefined;
  const text = alternatives.find((each) => typesOf(each).includes("string"));
  const values: Json[] = schema["x-ordered"] === true || !types.has("boolean") ? GRADES : [true, false];
  const choices = withKeys(values.map((value) => ({ value })));
  return { kind: "open", choices, maxLength: text?.maxLength };
}

const DIGIT = /^[0-9]$/;

/** Gives each choice its key: digits that are the values themselves, as for grades, else 1 to 9 in the order. */
export function withKeys(choices: { value: Json; title?: string }[]): Choice[] {
  const areDigits = choices.every(
    ({ value }) => value !== true && value !== false && DIGIT.test(String(value)),
  );
  return choices.map((choice, index) => {
    const key = areDigits ? String(choice.value) : index < 9 ? String(index + 1) : "";
    return { ...choice, key };
  });
}
