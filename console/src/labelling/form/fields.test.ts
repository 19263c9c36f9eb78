import { describe, expect, test } from "vitest";
import { fieldsOf, groupsOf, withKeys } from "./fields";
import type { JsonSchema } from "./json";
import { UNREADABLE, isSame, valueAt, withValue, wrongFields } from "./values";

const SINGLE: JsonSchema[] = [{ type: ["boolean", "integer", "null"] }, { type: "string", maxLength: 100 }];

/** The built-in scheme, as `GET /api/schemes/ophthalmology/1` answers it, with some of its findings. */
const OPHTHALMOLOGY: JsonSchema = {
  type: "object",
  properties: {
    quality: { anyOf: [...SINGLE, { type: "array", items: { type: "integer" }, maxItems: 32 }] },
    dr: { anyOf: SINGLE },
    stage: { anyOf: SINGLE, "x-ordered": true },
    comment: { type: ["string", "null"], maxLength: 10_000 },
  },
};

function field(schema: JsonSchema | boolean, document: JsonSchema = {}) {
  const [found] = fieldsOf({
    name: "a/1",
    document: { ...document, type: "object", properties: { it: schema } },
  });
  if (found === undefined) throw new Error("no field");
  return found;
}

function choices(schema: JsonSchema, document: JsonSchema = {}): unknown[] {
  const found = field(schema, document);
  return "choices" in found ? found.choices.map((each) => each.value) : [];
}

describe("the form of a scheme", () => {
  test("of the built-in scheme has yes and no, grades, and a text beside them", () => {
    const found = fieldsOf({ name: "ophthalmology/1", document: OPHTHALMOLOGY });
    expect(found.map((each) => [each.id, each.kind])).toEqual([
      ["quality", "open"],
      ["dr", "open"],
      ["stage", "open"],
      ["comment", "text"],
    ]);
    expect(found.map((each) => ("choices" in each ? each.choices.map(({ value }) => value) : []))).toEqual([
      [true, false],
      [true, false],
      ["0", "1", "2", "3", "4"],
      [],
    ]);
  });

  test.each<[string, JsonSchema | boolean, string]>([
    ["a boolean", { type: "boolean" }, "choice"],
    ["values", { enum: ["a", "b"] }, "choice"],
    ["one value", { const: "a" }, "choice"],
    ["titled values", { oneOf: [{ const: 1, title: "one" }, { const: 2 }] }, "choice"],
    ["few numbers", { type: "integer", minimum: 0, maximum: 4 }, "choice"],
    ["many numbers", { type: "integer", minimum: 0, maximum: 40 }, "number"],
    ["any number", { type: "number", exclusiveMinimum: 0 }, "number"],
    ["a text", { type: "string" }, "text"],
    ["a text or nothing", { anyOf: [{ type: "string" }, { type: "null" }] }, "text"],
    ["several values", { type: "array", items: { enum: ["a", "b"] } }, "choices"],
    ["several of anything", { type: "array", items: { type: "string" } }, "json"],
    ["anything", true, "json"],
    ["an object of anything", { type: "object" }, "json"],
    ["one of two types", { type: ["number", "boolean"] }, "json"],
    ["values that are objects", { enum: [{ a: 1 }] }, "json"],
    ["a condition", { if: { const: 1 }, then: true } as JsonSchema, "json"],
    ["a reference to nothing", { $ref: "#/$defs/none" }, "json"],
  ])("with %s", (_name, schema, kind) => {
    expect(field(schema).kind).toBe(kind);
  });

  test("follows references, with what is said beside them", () => {
    const document = {
      $defs: { side: { enum: ["left", "right"], title: "Side" }, same: { $ref: "#/$defs/side" } },
    };
    expect(choices({ $ref: "#/$defs/same" }, document)).toEqual(["left", "right"]);
    expect(field({ $ref: "#/$defs/same" }, document).title).toBe("Side");
    expect(field({ $ref: "#/$defs/same", title: "Which side" }, document).title).toBe("Which side");
    const circle: JsonSchema = { $defs: { a: { $ref: "#/$defs/a" } } };
    expect(field({ $ref: "#/$defs/a" }, circle).kind).toBe("json");
  });

  test("has the fields of an object one level deep, in a group of their own", () => {
    const inner: JsonSchema = { type: "object", properties: { deep: { type: "object", properties: {} } } };
    const document: JsonSchema = {
      properties: {
        a: { type: "boolean" },
        place: { type: "object", properties: { side: { enum: ["l", "r"] }, inner }, required: ["side"] },
        b: { type: "boolean" },
      },
      required: ["b"],
    };
    const groups = groupsOf({ name: "a/1", document });
    expect(groups.map((each) => [each.name, each.fields.map(({ id, kind }) => [id, kind])])).toEqual([
      ["", [["a", "choice"]]],
      [
        "place",
        [
          ["place.side", "choice"],
          ["place.inner", "json"],
        ],
      ],
      ["", [["b", "choice"]]],
    ]);
    expect(wrongFields(groups, {})).toEqual(new Map([["b", { what: "missing" }]]));
    const begun = { b: true, place: { inner: 1 } };
    expect([...wrongFields(groups, begun).keys()], "a group that was begun").toEqual(["place.side"]);
  });

  test("takes the bounds of whole numbers inclusively", () => {
    expect(choices({ type: "integer", exclusiveMinimum: 0, maximum: 3.5 })).toEqual([1, 2, 3]);
    expect(choices({ type: "integer", minimum: -0.5, exclusiveMaximum: 2 })).toEqual([0, 1]);
    expect(choices({ type: "integer", minimum: 0, maximum: 8, multipleOf: 4 })).toEqual([0, 4, 8]);
  });

  test("never breaks, whatever a scheme is made of, and a value of each kind stays as it was entered", () => {
    const random = generator(20_261_128);
    for (let run = 0; run < 400; run += 1) {
      const properties = Object.fromEntries(
        Array.from({ length: 1 + Math.floor(random() * 8) }, (_each, index) => [
          `f${index}`,
          schemaOf(random, 3),
        ]),
      );
      const groups = groupsOf({ name: "a/1", document: { type: "object", properties, required: ["f0"] } });
      const fields = groups.flatMap((group) => group.fields);
      const names = new Set(fields.map((each) => each.path[0]));
      expect(names, "each member has a field").toEqual(new Set(Object.keys(properties)));
      expect(new Set(fields.map((each) => each.id)).size).toBe(fields.length);
      for (const each of fields) {
        const value = "choices" in each ? (each.choices[0]?.value ?? "x") : each.kind === "number" ? 7 : "x";
        const entered = withValue({}, each.path, value);
        expect(valueAt(entered, each.path)).toBe(value);
        expect(withValue(entered, each.path, undefined)).toEqual({});
        if ("choices" in each) {
          const keys = each.choices.map((choice) => choice.key).filter((key) => key !== "");
          expect(new Set(keys).size).toBe(keys.length);
        }
      }
    }
  });
});

describe("what is wrong with a value", () => {
  const check = (schema: JsonSchema, value: Parameters<typeof isSame>[0]) => {
    const groups = groupsOf({ name: "a/1", document: { properties: { it: schema } } });
    return wrongFields(groups, value === undefined ? {} : { it: value }).get("it");
  };

  test.each<[JsonSchema, Parameters<typeof isSame>[0], string | undefined]>([
    [{ type: "number", minimum: 0, maximum: 90 }, 90, undefined],
    [{ type: "number", minimum: 0 }, -0.1, "tooSmall"],
    [{ type: "number", exclusiveMaximum: 1 }, 1, "tooLarge"],
    [{ type: "number" }, "1,2,3", "notANumber"],
    [{ type: "integer" }, 1.5, "notWhole"],
    [{ type: "number", multipleOf: 0.1 }, 0.3, undefined],
    [{ type: "number", multipleOf: 0.1 }, 0.35, "notAMultiple"],
    [{ type: "string", maxLength: 2 }, "𝔸𝔹", undefined],
    [{ type: "string", maxLength: 2 }, "abc", "tooLong"],
    [{ type: "string", minLength: 2 }, "a", "tooShort"],
    [{ type: "array", items: { enum: [1, 2, 3] }, minItems: 2 }, [1], "tooFew"],
    [{ type: "array", items: { enum: [1, 2, 3] }, maxItems: 1 }, [1, 2], "tooMany"],
    [{ type: "object" }, { [UNREADABLE]: "{" }, "notJson"],
    [{ type: "object" }, { a: 1 }, undefined],
  ])("%j with %j", (schema, value, what) => {
    expect(check(schema, value)?.what).toBe(what);
  });

  test("lists are the same in whatever order, and nothing is the same as null", () => {
    expect(isSame([1, 2], [2, 1, 1])).toBe(true);
    expect(isSame({ a: 1, b: null }, { a: 1 })).toBe(true);
    expect(isSame(undefined, null)).toBe(true);
    expect(isSame(true, 1)).toBe(false);
    expect(isSame("1", 1)).toBe(false);
  });
});

test("digits that are values choose themselves", () => {
  const keys = (...values: (string | number | boolean)[]) =>
    withKeys(values.map((value) => ({ value }))).map((each) => each.key);
  expect(keys(0, 1, 2)).toEqual(["0", "1", "2"]);
  expect(keys("2", "4")).toEqual(["2", "4"]);
  expect(keys(true, false)).toEqual(["1", "2"]);
  expect(keys("a", "1")).toEqual(["1", "2"]);
  expect(keys(..."abcdefghijkl").slice(8)).toEqual(["9", "", "", ""]);
});

/** Numbers from 0 to 1 that look random, and are the same each time (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function schemaOf(random: () => number, depth: number): JsonSchema | boolean {
  const pick = <Item>(...items: Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const bound = () => Math.round(random() * 40 - 20) / pick(1, 2);
  const inner = () => (depth > 0 ? schemaOf(random, depth - 1) : pick<JsonSchema | boolean>(true, {}));
  const type = () => pick("string", "number", "integer", "boolean", "null", "array", "object");
  return pick<() => JsonSchema | boolean>(
    () => pick(true, false),
    () => ({ type: type() }),
    () => ({ type: [type(), type()] }),
    () => ({ type: "integer", minimum: bound(), maximum: bound() }),
    () => ({ type: "number", exclusiveMinimum: bound(), multipleOf: pick(0.1, 2) }),
    () => ({
      enum: [pick<string | number | boolean | null>("a", 1, true, null), pick<string | number>("b", 2)],
    }),
    () => ({ const: pick<string | number | null>("a", 0, null) }),
    () => ({ anyOf: [inner(), inner()] }),
    () => ({ oneOf: [inner(), { type: "null" }] }),
    () => ({ allOf: [inner()] }),
    () => ({ type: "array", items: inner(), minItems: 1 }),
    () => ({ type: "object", properties: { x: inner(), y: inner() }, required: ["x"] }),
    () => ({ $ref: "#/$defs/none" }),
  )();
}
