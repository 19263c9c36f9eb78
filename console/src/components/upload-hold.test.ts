import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { Problem } from "@/api/problem";
import { type Entry, uploadQueue } from "./upload-queue";

const account = await vi.hoisted(async () => (await import("vue")).ref<number>());
vi.mock("@/session/session", async () => {
  const { computed } = await import("vue");
  return { session: { account: computed(() => ({ account_id: account.value })) } };
});

/** The sendings that are open, by the names of the files, and all in their order. */
const open = new Map<string, { settle: () => void; fail: (error: unknown) => void }>();
let sent: string[];

beforeAll(() => {
  vi.stubGlobal("addEventListener", () => undefined);
  vi.stubGlobal("removeEventListener", () => undefined);
});

beforeEach(() => {
  sent = [];
  open.clear();
  account.value = 7;
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

afterAll(() => {
  vi.unstubAllGlobals();
});

/** Waits until the test says how it ends. */
function send({ file }: Entry): Promise<"done"> {
  sent.push(file.name);
  return new Promise((resolve, reject) => {
    const settle = () => {
      resolve("done");
    };
    open.set(file.name, { settle, fail: reject });
  });
}

function sending(name: string) {
  const found = open.get(name);
  if (!found) throw new Error(`${name} was not sent`);
  return found;
}

function queueOf(atOnce: number, more: { isOnce?: boolean } = {}) {
  const queue = uploadQueue<Entry>({ send, atOnce, ...more });
  return {
    ...queue,
    choose: (...all: string[]) =>
      queue.add(
        all.map((name) => new File(["pixels"], name)),
        () => ({}),
      ),
    states: () => queue.entries.map((each) => `${each.file.name} ${each.state}`),
    entry: (name: string) => {
      const found = queue.entries.find((each) => each.file.name === name);
      if (!found) throw new Error(`${name} is not listed`);
      return found;
    },
  };
}

test.each([0, 429, 503])("all wait after %d, and go on by themselves", async (status) => {
  const queue = queueOf(2);
  queue.choose("a", "b", "c");
  const problem = new Problem(status, "");
  sending("a").fail(problem);
  await expect.poll(queue.states).toEqual(["a waiting", "b sending", "c waiting"]);
  expect(queue.hold.value?.problem).toBe(problem);
  sending("b").settle();
  await expect.poll(queue.states).toEqual(["a waiting", "b done", "c waiting"]);
  expect(sent).toEqual(["a", "b"]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(queue.hold.value).toBeNull();
  expect(sent).toEqual(["a", "b", "c", "a"]); // what was tried least goes first
  sending("c").settle();
  sending("a").settle();
  await expect.poll(queue.states).toEqual(["a done", "b done", "c done"]);
});

test("they wait as long as the server asks", async () => {
  const queue = queueOf(1);
  queue.choose("a");
  sending("a").fail(new Problem(429, "", {}, 600));
  await expect.poll(() => queue.hold.value).not.toBeNull();
  await vi.advanceTimersByTimeAsync(598_000);
  expect(sent).toEqual(["a"]);
  await vi.advanceTimersByTimeAsync(2100);
  expect(sent).toEqual(["a", "a"]);
});

test("each pause is longer, up to a minute, until a file has arrived", async () => {
  const queue = queueOf(1);
  const pauses: number[] = [];
  const cut = async (name: string) => {
    sending(name).fail(new Problem(0, ""));
    await expect.poll(() => queue.hold.value).not.toBeNull();
    pauses.push(Math.ceil(((queue.hold.value?.until.getTime() ?? 0) - Date.now()) / 1000));
    queue.goOn();
  };
  queue.choose("a");
  for (let times = 0; times < 7; times += 1) await cut("a");
  expect(pauses).toEqual([2, 4, 8, 16, 32, 60, 60]);
  sending("a").settle();
  await expect.poll(queue.states).toEqual(["a done"]);
  queue.choose("b");
  await cut("b");
  expect(pauses.at(-1)).toBe(2);
});

test("the reader can end the pause, and what is added meanwhile waits for its end", async () => {
  const queue = queueOf(1);
  queue.choose("a");
  sending("a").fail(new Problem(503, ""));
  await expect.poll(queue.states).toEqual(["a waiting"]);
  queue.choose("b");
  expect(queue.states()).toEqual(["a waiting", "b waiting"]);
  queue.goOn();
  expect(queue.hold.value).toBeNull();
  expect(queue.states()).toEqual(["a waiting", "b sending"]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(sent).toEqual(["a", "b"]);
});

test("nothing waits any more when the last file is taken out, or the account is another one", async () => {
  const queue = queueOf(1);
  for (const end of [() => queue.remove(queue.entry("a")), () => (account.value = 8)]) {
    queue.choose("a");
    sending("a").fail(new Problem(503, ""));
    await expect.poll(() => queue.hold.value).not.toBeNull();
    end();
    expect(queue.hold.value).toBeNull();
  }
});

test("a file of which all was sent is not sent again unasked, as it may have arrived", async () => {
  const queue = queueOf(2);
  queue.choose("a", "b", "c");
  queue.entry("a").share = 1;
  sending("a").fail(new Problem(0, ""));
  await expect.poll(queue.states).toEqual(["a failed", "b sending", "c waiting"]);
  expect(queue.hold.value).not.toBeNull();
  expect(queue.mayTryAgain(queue.entry("a"))).toBe(true);
  expect(queue.failures.value).toBe(0);
  queue.allAgain();
  expect(queue.states()).toEqual(["a failed", "b sending", "c waiting"]);
});

test("it is, where a file can't be there twice", async () => {
  const queue = queueOf(1, { isOnce: true });
  queue.choose("a");
  queue.entry("a").share = 1;
  sending("a").fail(new Problem(0, ""));
  await expect.poll(queue.states).toEqual(["a waiting"]);
});

test("a file that is gone from the disk holds up nothing", async () => {
  const queue = queueOf(1);
  const gone = new File(["pixels"], "a");
  const slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("", "NotFoundError")) });
  queue.add([Object.assign(gone, { slice }), new File(["pixels"], "b")], () => ({}));
  sending("a").fail(new Problem(0, ""));
  await expect.poll(queue.states).toEqual(["a failed", "b sending"]);
  expect(queue.hold.value).toBeNull();
});

test("all that may succeed the next time is sent again at once", async () => {
  const queue = queueOf(3);
  queue.choose("a", "b", "c");
  sending("a").fail(new Problem(500, ""));
  sending("b").fail(new Problem(422, ""));
  sending("c").fail(new Problem(507, ""));
  await expect.poll(queue.states).toEqual(["a failed", "b failed", "c failed"]);
  expect(queue.failures.value).toBe(2);
  queue.allAgain();
  expect(queue.states()).toEqual(["a sending", "b failed", "c sending"]);
  expect(queue.failures.value).toBe(0);
});
