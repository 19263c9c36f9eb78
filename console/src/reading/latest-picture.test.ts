import { expect, test } from "vitest";
import { LatestPicture } from "./latest-picture";

interface Request {
  query: string;
  signal: AbortSignal;
  answer: (picture: string) => void;
  refuse: (error: unknown) => void;
}

/** A server that answers when the test says so, as slowly as a real one under load. */
function server() {
  const requests: Request[] = [];
  const shown: string[] = [];
  const failed: unknown[] = [];
  const pictures = new LatestPicture(
    (window, viewport, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")));
        const answer = (picture: string) => resolve(new Blob([picture]));
        requests.push({ query: `${window}/${viewport}`, signal, answer, refuse: reject });
      }),
    (picture) => void picture.text().then((text) => shown.push(text)),
    (error) => failed.push(error),
  );
  return { pictures, requests, shown, failed };
}

const later = () => new Promise((resolve) => setTimeout(resolve, 0));

test("while one drags, one small picture is under way, and the last one comes after it", async () => {
  const { pictures, requests, shown } = server();
  for (const each of ["1", "2", "3", "4"]) pictures.ask(each, "80,60");
  expect(requests.map((each) => each.query)).toEqual(["1/80,60"]);
  requests[0]?.answer("one");
  await later();
  expect(requests.map((each) => each.query)).toEqual(["1/80,60", "4/80,60"]);
  requests[1]?.answer("four");
  await later();
  expect(shown).toEqual(["one", "four"]);
});

test("a whole picture takes the place of a small one, and gives way to the next", async () => {
  const { pictures, requests, shown } = server();
  pictures.ask("1", "80,60");
  pictures.ask("1");
  await later();
  expect(requests.map((each) => [each.query, each.signal.aborted])).toEqual([
    ["1/80,60", true],
    ["1/undefined", false],
  ]);
  pictures.ask("2", "80,60");
  await later();
  expect(requests[1]?.signal.aborted).toBe(true);
  requests[2]?.answer("two");
  await later();
  expect(shown).toEqual(["two"]);
});

test("what fails is told, and the next is loaded all the same", async () => {
  const { pictures, requests, shown, failed } = server();
  pictures.ask("1", "80,60");
  pictures.ask("2", "80,60");
  requests[0]?.refuse(new Error("busy"));
  await later();
  requests[1]?.answer("two");
  await later();
  expect(failed).toEqual([new Error("busy")]);
  expect(shown).toEqual(["two"]);
});

test("nothing is shown or told after the end", async () => {
  const { pictures, requests, shown, failed } = server();
  pictures.ask("1");
  pictures.ask("2", "80,60");
  pictures.close();
  await later();
  expect(requests).toHaveLength(1);
  expect([shown, failed]).toEqual([[], []]);
});
