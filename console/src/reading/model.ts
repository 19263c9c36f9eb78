import { api, ok, type Schema } from "@/api/client";

const SYSTEM = "chexray";
let asked: Promise<Schema<"ModelBody"> | undefined> | null = null;

/** The model that reads X-rays; undefined if there is none. Asked for once. */
export function xrayModel(): Promise<Schema<"ModelBody"> | undefined> {
  asked ??= ok(api.GET("/api/models")).then(
    ({ models }) => models.filter((each) => each.serves.includes(SYSTEM)).at(-1),
    (error: unknown) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}
