import { api, ok, type Schema } from "@/api/client";

export type Model = Schema<"ModelBody">;

/** The system whose model reads where the address names none. */
const SYSTEM = "chexray";
let asked: Promise<Model[]> | null = null;

/** The installed models. Asked for once. */
export function installedModels(): Promise<Model[]> {
  asked ??= ok(api.GET("/api/models")).then(
    ({ models }) => models,
    (error: unknown) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}

/** What the API calls a version of a model. */
export function identityOf(model: Model): string {
  return `${model.name}/${model.version}`;
}

/** The model with an identity, or the newest of a name; undefined if it is not installed. */
export function modelNamed(models: readonly Model[], wanted: string): Model | undefined {
  return models
    .filter((each) => identityOf(each) === wanted || each.name === wanted)
    .sort((one, other) => one.version - other.version)
    .at(-1);
}

/** The model that reads X-rays, else the first one. */
export function defaultModel(models: readonly Model[]): Model | undefined {
  return models.filter((each) => each.serves.includes(SYSTEM)).at(-1) ?? models[0];
}

/** What people call a model, with its version. */
export function nameOf(model: Model): string {
  return `${model.title} (${identityOf(model)})`;
}
