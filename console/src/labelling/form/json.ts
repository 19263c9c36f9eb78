/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The fields of a label, by name. A field that was not filled in is absent. */
export type Values = Record<string, Json>;

/** The keywords of JSON Schema (2020-12) that a form is made from. Others are left to the server. */
export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, JsonSchema | boolean>;
  required?: string[];
  enum?: Json[];
  const?: Json;
  anyOf?: (JsonSchema | boolean)[];
  oneOf?: (JsonSchema | boolean)[];
  allOf?: (JsonSchema | boolean)[];
  items?: JsonSchema | boolean;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  $ref?: string;
  $defs?: Record<string, JsonSchema | boolean>;
  "x-ordered"?: boolean;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isJson(value: unknown): value is Json {
  if (Array.isArray(value)) return value.every(isJson);
  if (isRecord(value)) return Object.values(value).every(isJson);
  return value === null || ["boolean", "number", "string"].includes(typeof value);
}

/** An answer's object as the fields of a label: without what is null, which stands for what was not filled in. */
export function valuesOf(members: Record<string, unknown>, names?: Iterable<string>): Values {
  const values: Values = {};
  for (const name of names ?? Object.keys(members)) {
    const value = members[name];
    if (value !== undefined && value !== null && isJson(value)) values[name] = value;
  }
  return values;
}
