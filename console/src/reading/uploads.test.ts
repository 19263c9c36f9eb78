import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

type Uploads = typeof import("./uploads");
type Session = typeof import("@/session/session");

const MODEL = "chest-findings/1";
const REFUSED = { detail: "Unreadable", errors: [{ field: "file", message: "This is not a picture." }] };
let uploads: Uploads;
let session: Session;
let server: Server;
let origin: string;
/** What is answered to a file; the request is of a real socket. */
let answer: (response: ServerResponse) => void;
let open: ServerResponse[];
let closed: number;
/** What listens for the page being left. */
const leaving = new Set<unknown>();

/** Node.js has none. This one does what is used of it, on real sockets. */
class Requests {
  upload: { onprogress?: (event: { lengthComputable: boolean; loaded: number; total: number }) => void } = {};
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  status = 0;
  responseText = "";
  private readonly ending = new AbortController();
  private path = "";
  open(_method: string, path: string): void {
    this.path = path;
  }
  setRequestHeader(): void {}
  getAllResponseHeaders(): string {
    return "";
  }
  abort(): void {
    this.ending.abort();
  }
  send(body: FormData): void {
    fetch(origin + this.path, { method: "POST", body, signal: this.ending.signal })
      .then(async (response) => {
        this.status = response.status;
        this.responseText = await response.text();
        this.upload.onprogress?.({ lengthComputable: true, loaded: 1, total: 1 });
        this.onload?.();
      })
      .catch(() => (this.ending.signal.aborted ? this.onabort?.() : this.onerror?.()));
  }
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function listen(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on("end", () => {
    if (request.url === "/api/predictions") {
      response.on("close", () => (closed += 1));
      open.push(response);
      answer(response);
    } else json(response, { account_id: 7, username: "doctor" });
  });
}

beforeAll(async () => {
  server = createServer(listen);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubGlobal("location", { origin });
  vi.stubGlobal("XMLHttpRequest", Requests);
  vi.stubGlobal("localStorage", { getItem: () => "en" });
  vi.stubGlobal("addEventListener", (_name: string, listener: unknown) => leaving.add(listener));
  vi.stubGlobal("removeEventListener", (_name: string, listener: unknown) => leaving.delete(listener));
  session = await import("@/session/session");
  uploads = await import("./uploads");
});

beforeEach(async () => {
  open = [];
  closed = 0;
  await session.signIn("doctor", "password");
});

afterEach(() => session.signOut());

afterAll(() => {
  server.closeAllConnections();
  server.close();
  vi.unstubAllGlobals();
});

function choose(...names: string[]): void {
  uploads.add(
    names.map((name) => new File(["pixels"], name)),
    MODEL,
  );
}

function states(): string[] {
  return uploads.sent.map((each) => `${each.name} ${each.state}`);
}

test("two are sent at a time, and what failed can be tried again", async () => {
  answer = () => undefined;
  const before = uploads.readCount.value;
  choose("a.png", "b.png", "c.png");
  await expect.poll(() => open.length).toBe(2);
  expect(states()).toEqual(["c.png waiting", "b.png sending", "a.png sending"]);
  answer = (response) => {
    json(response, { id: 3 });
  };
  const [first, second] = open;
  if (!first || !second) throw new Error("nothing was sent");
  json(first, {}, 500);
  json(second, REFUSED, 422);
  await expect.poll(states).toEqual(["c.png done", "b.png failed", "a.png failed"]);
  expect(uploads.readCount.value).toBe(before + 1);
  const failed = uploads.sent.filter((each) => each.state === "failed");
  const busy = failed.find(uploads.mayTryAgain);
  const refused = failed.find((each) => !uploads.mayTryAgain(each));
  if (!busy || !refused) throw new Error("nothing is listed");
  expect(refused.problem).toHaveProperty("fields.file.detail", "This is not a picture.");
  uploads.again(busy);
  uploads.remove(refused);
  await expect.poll(states).toEqual(["c.png done", `${busy.name} done`]);
});

test("what is done is taken out of the list, and what is under way stays", async () => {
  answer = (response) => {
    json(response, { id: 5 });
  };
  choose("a.png", "b.png");
  await expect.poll(states).toEqual(["b.png done", "a.png done"]);
  answer = () => undefined;
  choose("c.png");
  await expect.poll(() => open.length).toBe(3);
  uploads.clearDone();
  expect(states()).toEqual(["c.png sending"]);
});

test("a prediction that was deleted is not listed any more", async () => {
  let id = 6;
  answer = (response) => {
    json(response, { id: id++ });
  };
  choose("a.png");
  await expect.poll(states).toEqual(["a.png done"]);
  choose("b.png");
  await expect.poll(states).toEqual(["b.png done", "a.png done"]);
  uploads.removePrediction(6);
  expect(states()).toEqual(["b.png done"]);
});

test("signing out ends what is under way, and leaves nothing to whoever signs in next", async () => {
  answer = () => undefined;
  choose("a.png", "b.png", "c.png");
  await expect.poll(() => open.length).toBe(2);
  await session.signOut();
  expect(uploads.sent).toEqual([]);
  await expect.poll(() => closed).toBe(2);
  await session.signIn("doctor", "password");
  answer = (response) => {
    json(response, { id: 4 });
  };
  choose("d.png");
  await expect.poll(states).toEqual(["d.png done"]);
  expect(open).toHaveLength(3); // c.png was never sent
});

test("what waits or is being sent can be taken out of the list, and is not sent any further", async () => {
  answer = () => undefined;
  choose("a.png", "b.png", "c.png", "d.png");
  await expect.poll(() => open.length).toBe(2);
  const named = (name: string) => {
    const found = uploads.sent.find((each) => each.name === name);
    if (!found) throw new Error(`${name} is not listed`);
    return found;
  };
  uploads.remove(named("c.png"));
  uploads.remove(named("a.png"));
  await expect.poll(() => closed).toBe(1);
  await expect.poll(states).toEqual(["d.png sending", "b.png sending"]);
  await expect.poll(() => open.length).toBe(3); // c.png was never sent
});

test("the browser asks before the page is left, as long as something waits or is being sent", async () => {
  expect(leaving.size).toBe(0);
  answer = () => undefined;
  choose("a.png");
  await expect.poll(() => leaving.size).toBe(1);
  await expect.poll(() => open.length).toBe(1);
  json(open[0] as ServerResponse, { id: 8 });
  await expect.poll(states).toEqual(["a.png done"]);
  await expect.poll(() => leaving.size).toBe(0);
});
