import { Problem, problemOf } from "@/api/problem";

/** What the server has, and the tag by which a later request says that it is about this and nothing newer. */
export interface Version<Data> {
  data: Data;
  tag: string;
}

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** The body of a successful answer with its entity tag. Throws `Problem` for any other. */
export async function versionOf<Data>(asked: Promise<Answer<Data>>): Promise<Version<Data>> {
  const { data, error, response } = await asked;
  if (!response.ok) throw problemOf(response, error);
  return { data: data as Data, tag: response.headers.get("etag") ?? "" };
}

export function hasStatus(error: unknown, ...statuses: number[]): boolean {
  return error instanceof Problem && statuses.includes(error.status);
}
