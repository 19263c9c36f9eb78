/** Reading, changing and checking the fields of a label. */
import type { Field, Group } from "./fields";
import { isRecord, type Json, type Values } from "./json";

export function valueAt(values: Values, path: Field["path"]): Json | undefined {
  const [name, inner] = path;
  const value = values[name];
  if (inner === undefined) return value;
  return isObject(value) ? value[inner] : undefined;
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return isRecord(value);
}

/** The values with one changed; undefined takes it out, and with the last of a group the group. */
export function withValue(values: Values, path: Field["path"], value: Json | undefined): Values {
  const [name, inner] = path;
  if (inner === undefined) return withMember(values, name, value);
  const before = values[name];
  const group = withMember(isObject(before) ? before : {}, inner, value);
  return withMember(values, name, Object.keys(group).length > 0 ? group : undefined);
}

function withMember(members: Values, name: string, value: Json | undefined): Values {
  const others = Object.entries(members).filter(([each]) => each !== name);
  return value === undefined ? Object.fromEntries(others) : { ...members, [name]: value };
}

/** What is wrong with a value. Its words are in `messages.ts`, under `wrong`. */
export interface Wrong {
  what:
    | "missing"
    | "notANumber"
    | "notWhole"
    | "tooSmall"
    | "tooLarge"
    | "notAMultiple"
    | "tooShort"
    | "tooLong"
    | "tooFew"
    | "tooMany"
    | "notJson";
  /** The bound that is not kept. */
  bound?: number;
}

/** A text that is no value of its field yet, such as half a number. It is kept in the draft, and can't be finished. */
export const UNREADABLE = "unreadable";

/** What is wrong with the values, by the ids of fields. The server checks the whole schema as well. */
export function wrongFields(groups: Group[], values: Values): Map<string, Wrong> {
  const found = new Map<string, Wrong>();
  for (const group of groups) {
    const isWanted = group.name === "" || group.required || values[group.name] !== undefined;
    for (const field of group.fields) {
      const value = valueAt(values, field.path);
      const wrong = value === undefined ? missing(field, isWanted) : wrongValue(field, value);
      if (wrong !== undefined) found.set(field.id, wrong);
    }
  }
  return found;
}

function missing(field: Field, isWanted: boolean): Wrong | undefined {
  return field.required && isWanted ? { what: "missing" } : undefined;
}

export function wrongValue(field: Field, value: Json): Wrong | undefined {
  switch (field.kind) {
    case "number":
      return wrongNumber(field, value);
    case "text":
    case "open": {
      if (typeof value !== "string") return undefined;
      const length = [...value].length; // JSON Schema counts characters, and not the halves of them
      if (field.maxLength !== undefined && length > field.maxLength)
        return { what: "tooLong", bound: field.maxLength };
      if (field.kind === "text" && length < field.minLength)
        return { what: "tooShort", bound: field.minLength };
      return undefined;
    }
    case "choices": {
      const number = Array.isArray(value) ? value.length : 0;
      if (number < field.minItems) return { what: "tooFew", bound: field.minItems };
      return number > field.maxItems ? { what: "tooMany", bound: field.maxItems } : undefined;
    }
    case "json":
      return isObject(value) && UNREADABLE in value ? { what: "notJson" } : undefined;
    case "choice":
      return undefined;
  }
}

function wrongNumber(field: Field & { kind: "number" }, value: Json): Wrong | undefined {
  if (typeof value !== "number") return { what: "notANumber" };
  if (field.integer && !Number.isInteger(value)) return { what: "notWhole" };
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = field;
  if (minimum !== undefined && value < minimum) return { what: "tooSmall", bound: minimum };
  if (maximum !== undefined && value > maximum) return { what: "tooLarge", bound: maximum };
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum)
    return { what: "tooSmall", bound: exclusiveMinimum };
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum)
    return { what: "tooLarge", bound: exclusiveMaximum };
  if (multipleOf !== undefined && !isMultiple(value, multipleOf))
    return { what: "notAMultiple", bound: multipleOf };
  return undefined;
}

/** Whether 0.3 is a multiple of 0.1, although their quotient as binary fractions is no whole number. */
function isMultiple(value: number, of: number): boolean {
  const quotient = value / of;
  return Math.abs(quotient - Math.round(quotient)) < 1e-9;
}

/** Whether two values are the same for a reader: lists stand for sets, as the server compares them. */
export function isSame(first: Json | undefined, second: Json | undefined): boolean {
  return canonical(first) === canonical(second);
}

function canonical(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return `[${[...new Set(value.map(canonical))].sort().join()}]`;
  if (isObject(value)) {
    const members = Object.keys(value).filter((name) => value[name] !== null);
    return `{${members
      .sort()
      .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
      .join()}}`;
  }
  return JSON.stringify(value);
}
