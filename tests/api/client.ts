// One round of each system by a client whose types openapi-typescript made from the platform's OpenAPI document.
//
//     node client.js http://127.0.0.1:8000 <the administrator's password> <a picture>

import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const [baseUrl, password, picturePath] = process.argv.slice(2);
assert(baseUrl && password && picturePath);
const client = createClient<paths>({ baseUrl });
const bytes = await readFile(picturePath);

// In the types a file is a string of the format "binary"; what is sent is a Blob.
const picture = new Blob([new Uint8Array(bytes)], { type: "image/png" }) as unknown as string;

function multipart(fields: Record<string, unknown>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value as string | Blob);
  return form;
}

function ok<Data>(answer: { data?: Data; error?: unknown; response: Response }): Data {
  const { status, url } = answer.response;
  if (answer.data === undefined) throw new Error(`${status} from ${url}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

async function chexray(): Promise<void> {
  const account = { username: "typescript", password: "a password of a test", password2: "a password of a test" };
  const signedUp = ok(await client.POST("/api/chexray/signup", { body: account }));
  const headers = { Authorization: `Token ${signedUp.token}` };
  const upload = { body: { title: "first", image: picture }, bodySerializer: multipart, headers };
  const xray = ok(await client.POST("/api/chexray/upload", upload));
  const user = ok(await client.GET("/api/chexray/user", { headers }));
  assert.deepEqual([user.username, user.pastxrays], ["typescript", [xray.id]]);
  const found = ok(await client.POST("/api/chexray/xray", { body: { xray_id: xray.id }, headers }));
  assert.equal(found.atelectasis, xray.atelectasis);
  const refused = await client.POST("/api/chexray/signup", { body: account });
  assert.equal(refused.response.status, 400);
}

async function covid19(): Promise<void> {
  assert.equal(ok(await client.GET("/alive")).message, "Server is alive!");
  const { result, distribution } = ok(
    await client.POST("/predict", { body: { file: picture }, bodySerializer: multipart }),
  );
  assert(result in distribution);
}

async function collection(): Promise<void> {
  const document = { deviceId: "typescript", timestamp: "2024-08-18T02:04:07Z", imageData: bytes.toString("base64") };
  const images = { collection: "images" };
  const { deviceId, timestamp } = document;
  const sent = ok(await client.POST("/collections/{collection}", { params: { path: images }, body: document }));
  const devices = ok(await client.GET("/collections/devices"));
  assert(JSON.stringify(devices).includes(deviceId));
  const query = { deviceId, timestamp };
  const found = await client.GET("/collections/{collection}", {
    params: { path: images, query },
    parseAs: "arrayBuffer",
  });
  assert(bytes.equals(Buffer.from(ok(found) as ArrayBuffer)));
  const read = await client.GET("/collections/{collection}/{picture_id}", {
    params: { path: { ...images, picture_id: sent.id } },
    parseAs: "arrayBuffer",
  });
  assert(bytes.equals(Buffer.from(ok(read) as ArrayBuffer)));
}

async function yelda(): Promise<Record<string, string>> {
  const body = { username: "admin", password: password as string };
  const authorized = ok(await client.POST("/authorization", { body }));
  const headers = { Authorization: `Bearer ${authorized.access_token}` };
  assert.equal(ok(await client.GET("/self", { headers })).account_id, authorized.account_id);
  return headers;
}

async function imagehub(): Promise<void> {
  const loggedIn = ok(await client.POST("/login", { body: { username: "admin", password: password as string } }));
  assert("token" in loggedIn);
  const headers = { Authorization: `Bearer ${loggedIn.token}` };
  assert.equal(ok(await client.GET("/auth", { headers })).code, 1);
}

async function predictions(headers: Record<string, string>): Promise<void> {
  const models = ok(await client.GET("/api/models")).models;
  assert(models.some((model) => model.name === "covid19" && model.demonstration));
  const upload = { body: { model: "covid19", file: picture }, bodySerializer: multipart, headers };
  const made = ok(await client.POST("/api/predictions", upload));
  const listed = ok(await client.GET("/api/predictions", { params: { query: { limit: 1 } }, headers })).predictions;
  assert.deepEqual(listed, [made]);
  const path = { prediction_id: made.id };
  assert.deepEqual(ok(await client.GET("/api/predictions/{prediction_id}", { params: { path }, headers })), made);
}

async function apiKeys(headers: Record<string, string>): Promise<void> {
  const made = ok(await client.POST("/api/keys", { body: { name: "of a test", scopes: ["predict"] }, headers }));
  const withKey = { "X-API-Key": made.key };
  assert.equal(ok(await client.GET("/api/predictions", { headers: withKey })).predictions.length, 1);
  const ended = await client.DELETE("/api/keys/{key_id}", { params: { path: { key_id: made.id } }, headers });
  assert.equal(ended.response.status, 204);
}

await chexray();
await covid19();
await collection();
const headers = await yelda();
await imagehub();
await predictions(headers);
await apiKeys(headers);
console.log("one round of each system");
