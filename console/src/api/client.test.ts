import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Problem, UnreadableAnswer } from "./problem";

type Client = typeof import("./client");

let client: Client;
let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked: { method?: string; body: string }[];

/** A server on a real socket: what it answers is the test's, how that arrives is not. */
beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (part: string) => (body += part));
    request.on("end", () => {
      asked.push({ method: request.method, body });
      answer(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.stubGlobal("location", { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  client = await import("./client");
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  asked = [];
  client.onUnauthorized(() => Promise.resolve(false));
});

function read(): Promise<unknown> {
  return client.ok(client.api.GET("/api/models"));
}

function answers(status: number, body = "", headers: Record<string, string> = {}): void {
  answer = (_request, response) => response.writeHead(status, headers).end(body);
}

const JSON_TYPE = { "content-type": "application/json" };

describe("what the server answers", () => {
  test("JSON is read, with and without its length", async () => {
    answers(200, '{"models":[]}', { ...JSON_TYPE, "content-length": "13" });
    expect(await read()).toEqual({ models: [] });
    answers(200, '{"models":[]}', JSON_TYPE);
    expect(await read()).toEqual({ models: [] });
    answers(204);
    expect(await read()).toBeUndefined();
  });

  test.each(["<html>It works!</html>", "It works!", '{"models":', "\ufeff\u0000"])(
    "%j is not read",
    async (text) => {
      answers(200, text, { "content-type": "text/html" });
      await expect(read()).rejects.toBeInstanceOf(UnreadableAnswer);
      answers(200, text, { "content-length": String(Buffer.byteLength(text)) });
      await expect(read()).rejects.toBeInstanceOf(UnreadableAnswer);
    },
  );

  test.each([400, 404, 409, 412, 413, 422, 429, 500, 502, 503, 504])(
    "%i with problem details, the page of a proxy, and nothing",
    async (status) => {
      answers(status, '{"detail":"It is so."}', { "content-type": "application/problem+json" });
      await expect(read()).rejects.toMatchObject({ status, detail: "It is so." });
      answers(status, "<html><h1>Bad</h1></html>", { "content-type": "text/html", "retry-after": "9" });
      await expect(read()).rejects.toMatchObject({ status, detail: "", retryAfter: 9 });
      answers(status);
      await expect(read()).rejects.toMatchObject({ status, detail: "", retryAfter: undefined });
    },
  );

  test("nothing, and an answer that breaks off", async () => {
    answer = (request) => request.socket.destroy();
    await expect(read()).rejects.toEqual(new Problem(0, ""));
    for (const status of [200, 503]) {
      answer = (request, response) => {
        response.writeHead(status, { ...JSON_TYPE, "content-length": "100" }).write('{"models":');
        setTimeout(() => request.socket.destroy(), 50);
      };
      await expect(read()).rejects.toEqual(new Problem(0, ""));
    }
  });

  test("a connection that is refused", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    await new Promise((resolve) => other.close(resolve));
    const path = client.api.GET("/api/models", { baseUrl: `http://127.0.0.1:${port}` });
    await expect(client.ok(path)).rejects.toEqual(new Problem(0, ""));
  });
});

describe("the status 401", () => {
  const refused = (): void =>
    answers(401, '{"message":"no"}', { ...JSON_TYPE, "www-authenticate": "Bearer" });

  test("is an error where there is no session and the reader does not sign in", async () => {
    refused();
    await expect(read()).rejects.toMatchObject({ status: 401, detail: "no" });
    expect(asked).toHaveLength(1);
  });

  test("waits for the session, and the request is sent again with its body", async () => {
    refused();
    client.onUnauthorized(() => {
      answers(200, "{}", JSON_TYPE);
      return Promise.resolve(true);
    });
    const body = { username: "new", password: "correct horse battery" };
    expect(await client.ok(client.api.POST("/api/accounts", { body }))).toEqual({});
    expect(asked).toEqual(Array(2).fill({ method: "POST", body: JSON.stringify(body) }));
  });

  test("is an error where there is a session, as with what belongs to somebody else", async () => {
    refused();
    client.onUnauthorized(() => Promise.resolve(true));
    await expect(read()).rejects.toMatchObject({ status: 401, detail: "no" });
    expect(asked).toHaveLength(2);
  });

  test("is an error of the network where that goes meanwhile", async () => {
    refused();
    client.onUnauthorized(() => {
      answer = (request) => request.socket.destroy();
      return Promise.resolve(true);
    });
    await expect(read()).rejects.toEqual(new Problem(0, ""));
  });

  test.each(["/api/authorization", "/api/self"] as const)("of %s asks nobody", async (path) => {
    refused();
    const handler = vi.fn(() => Promise.resolve(true));
    client.onUnauthorized(handler);
    const sent =
      path === "/api/self"
        ? client.api.GET(path)
        : client.api.POST(path, { body: { username: "a", password: "b" } });
    await expect(client.ok(sent as ReturnType<typeof client.api.GET>)).rejects.toMatchObject({ status: 401 });
    expect(handler).not.toHaveBeenCalled();
  });
});
