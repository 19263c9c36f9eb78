import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { Entry } from "./upload-queue";

type Session = typeof import("@/session/session");
type State = Upload["state"];

interface Upload extends Entry<"asked"> {
  folder: string;
}

let uploadQueue: typeof import("./upload-queue").uploadQueue;
let session: Session;
let server: Server;
/** Who signs in next. */
let account = 7;
/** The sendings that are open, by the names of the files. */
const open = new Map<string, { settle: (state: State) => void; fail: (error: unknown) => void }>();
/** What was sent, in its order, and what of it was ended. */
let sent: string[];
let ended: string[];
/** What listens for the page being left. */
const leaving = new Set<unknown>();

function listen(request: IncomingMessage, response: ServerResponse): void {
  const body = JSON.stringify({ account_id: account, username: "doctor" });
  request.resume().on("end", () => response.writeHead(200, { "content-type": "application/json" }).end(body));
}

beforeAll(async () => {
  server = createServer(listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubGlobal("location", { origin, reload: () => undefined });
  vi.stubGlobal("localStorage", { getItem: () => "en" });
  vi.stubGlobal("addEventListener", (_name: string, listener: unknown) => leaving.add(listener));
  vi.stubGlobal("removeEventListener", (_name: string, listener: unknown) => leaving.delete(listener));
  session = await import("@/session/session");
  ({ uploadQueue } = await import("./upload-queue"));
});

beforeEach(async () => {
  account = 7;
  sent = [];
  ended = [];
  open.clear();
  await session.signIn("doctor", "password");
});

afterEach(() => session.signOut()); // empties the queue of the test, too

afterAll(() => {
  server.closeAllConnections();
  server.close();
  vi.unstubAllGlobals();
});

/** Waits until the test says how it ends; ends with the signal as a request does. */
function send({ file }: Upload, signal: AbortSignal): Promise<State> {
  sent.push(file.name);
  return new Promise((resolve, reject) => {
    open.set(file.name, { settle: resolve, fail: reject });
    signal.addEventListener("abort", () => {
      ended.push(file.name);
      reject(new DOMException("", "AbortError"));
    });
  });
}

function queueOf(atOnce: number, more: { newestFirst?: boolean } = {}) {
  const queue = uploadQueue<Upload>({ send, atOnce, ...more });
  const names = (...all: string[]) => all.map((name) => new File(["pixels"], name));
  return {
    ...queue,
    choose: (...all: string[]) => queue.add(names(...all), () => ({ folder: "f" })),
    states: () => queue.entries.map((each) => `${each.file.name} ${each.state}`),
    entry: (name: string) => {
      const found = queue.entries.find((each) => each.file.name === name);
      if (!found) throw new Error(`${name} is not listed`);
      return found;
    },
  };
}

function sending(name: string) {
  const found = open.get(name);
  if (!found) throw new Error(`${name} was not sent`);
  return found;
}

test.each([
  { atOnce: 1, first: ["a"] },
  { atOnce: 2, first: ["a", "b"] },
])("$atOnce at a time, what was added first before the others", async ({ atOnce, first }) => {
  const queue = queueOf(atOnce);
  queue.choose("a", "b", "c");
  expect(sent).toEqual(first);
  for (const name of ["a", "b", "c"]) {
    await expect.poll(() => open.has(name)).toBe(true);
    sending(name).settle("done");
  }
  await expect.poll(queue.states).toEqual(["a done", "b done", "c done"]);
  expect(sent).toEqual(["a", "b", "c"]);
  expect(queue.arrived.value).toBe(3);
});

test("a list that begins with the newest is sent in the same order", async () => {
  const queue = queueOf(1, { newestFirst: true });
  queue.choose("a", "b");
  queue.choose("c");
  expect(queue.states()).toEqual(["c waiting", "b waiting", "a sending"]);
  sending("a").settle("done");
  await expect.poll(queue.states).toEqual(["c waiting", "b sending", "a done"]);
});

test("what was thrown is kept until the file is sent again, and ends nothing else", async () => {
  const failures: unknown[] = [];
  const queue = uploadQueue<Upload>({ send, failed: (_, error) => failures.push(error), atOnce: 1 });
  queue.add([new File(["pixels"], "a"), new File(["pixels"], "b")], () => ({ folder: "f" }));
  const [first] = queue.entries;
  if (!first) throw new Error("nothing is listed");
  const problem = new Error("No room");
  sending("a").fail(problem);
  await expect.poll(() => first.state).toBe("failed");
  expect(first.problem).toBe(problem);
  expect(failures).toEqual([problem]);
  await expect.poll(() => open.has("b")).toBe(true);
  sending("b").settle("done");
  await expect.poll(() => queue.arrived.value).toBe(1);
  queue.again(first);
  expect(first.problem).toBeNull();
  sending("a").settle("done");
  await expect.poll(() => first.state).toBe("done");
  expect(sent).toEqual(["a", "b", "a"]);
});

test("what is under way is not sent twice", async () => {
  const queue = queueOf(2);
  queue.choose("a", "b", "c");
  expect(queue.entries.map(queue.isUnderWay)).toEqual([true, true, true]);
  queue.again(queue.entry("a"));
  queue.again(queue.entry("c"));
  sending("b").settle("done");
  await expect.poll(() => open.has("c")).toBe(true);
  sending("c").settle("done");
  await expect.poll(queue.states).toEqual(["a sending", "b done", "c done"]);
  expect(sent).toEqual(["a", "b", "c"]);
});

test("a state of one's own is not under way, and has not arrived", async () => {
  const queue = queueOf(1);
  queue.choose("a");
  expect(queue.isUnderWay(queue.entry("a"))).toBe(true);
  sending("a").settle("asked");
  await expect.poll(queue.states).toEqual(["a asked"]);
  expect(queue.isUnderWay(queue.entry("a"))).toBe(false);
  expect(queue.someDone.value).toBe(false);
  expect(queue.arrived.value).toBe(0);
});

test("a file that is not to be sent is listed only", () => {
  const queue = queueOf(1);
  queue.add([new File([], "empty")], () => ({ folder: "f", state: "failed" }));
  expect(queue.states()).toEqual(["empty failed"]);
  expect(sent).toEqual([]);
});

test("what is removed is ended or never sent, and leaves its place to the next", async () => {
  const queue = queueOf(1);
  queue.choose("a", "b", "c");
  const removed = queue.entry("a");
  queue.remove(queue.entry("b"));
  queue.remove(removed);
  expect(ended).toEqual(["a"]);
  await expect.poll(queue.states).toEqual(["c sending"]);
  expect(sent).toEqual(["a", "c"]);
  expect(removed).toMatchObject({ state: "sending", problem: null }); // the end of it is no problem
  queue.again(removed);
  sending("c").settle("done");
  await expect.poll(queue.states).toEqual(["c done"]);
  expect(sent).toEqual(["a", "c"]);
});

test("only what has arrived is cleared", async () => {
  const queue = queueOf(2);
  queue.choose("a", "b", "c", "d");
  sending("a").settle("done");
  sending("b").fail(new Error("No room"));
  await expect.poll(queue.states).toEqual(["a done", "b failed", "c sending", "d sending"]);
  expect(queue.someDone.value).toBe(true);
  queue.clearDone();
  expect(queue.states()).toEqual(["b failed", "c sending", "d sending"]);
  expect(queue.someDone.value).toBe(false);
});

test("nothing is sent in the name of the account that signs in next", async () => {
  const queue = queueOf(1);
  queue.choose("x", "y");
  session.forget();
  expect(ended).toEqual(["x"]); // at once, not after what goes on in the same task
  expect(queue.states()).toEqual([]);
  await session.signIn("doctor", "password");

  queue.choose("a", "b");
  account = 8;
  await session.signIn("other", "password");
  expect(queue.states()).toEqual([]);
  expect(ended).toEqual(["x", "a"]);
  queue.choose("c");
  await expect.poll(queue.states).toEqual(["c sending"]);
  expect(sent).toEqual(["x", "a", "c"]);
});

test("an account that is only read anew goes on", async () => {
  const queue = queueOf(1);
  queue.choose("a", "b");
  await session.refresh();
  expect(queue.states()).toEqual(["a sending", "b waiting"]);
  expect(ended).toEqual([]);
});

test("the browser asks before the page is left, as long as something is under way", async () => {
  const queue = queueOf(1);
  expect(leaving.size).toBe(0);
  queue.choose("a");
  await expect.poll(() => leaving.size).toBe(1);
  sending("a").settle("done");
  await expect.poll(() => leaving.size).toBe(0);
});
