import { expect, test, vi } from "vitest";
import type { Model } from "./models";

vi.mock("@/api/client", () => ({}));
const { defaultModel, identityOf, modelNamed } = await import("./models");

function model(name: string, version: number, serves: string[] = []): Model {
  return { name, version, serves } as unknown as Model;
}

const MODELS = [
  model("covid19", 1, ["covid19"]),
  model("chest", 10, ["chexray"]),
  model("chest", 9, ["chexray"]),
];

function found(wanted: string): string {
  const model = modelNamed(MODELS, wanted);
  return model ? identityOf(model) : "none";
}

test("a model is found by name and version, and by its name alone in the newest version", () => {
  expect(found("chest/9")).toBe("chest/9");
  expect(found("chest")).toBe("chest/10");
  expect(found("chest/11")).toBe("none");
  expect(found("")).toBe("none");
});

test("the model of X-rays reads where none is chosen, and another one where there is no such model", () => {
  expect(defaultModel(MODELS)).toBe(MODELS[2]);
  expect(defaultModel(MODELS.slice(0, 1))).toBe(MODELS[0]);
  expect(defaultModel([])).toBeUndefined();
});
