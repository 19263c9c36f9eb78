import { beforeAll, describe, expect, test, vi } from "vitest";
import { Problem, UnreadableAnswer } from "./problem";

type Sentences = typeof import("./sentences");
type I18n = typeof import("@/i18n");

let sentenceOf: Sentences["sentenceOf"];
let i18n: I18n["i18n"];

beforeAll(async () => {
  vi.stubGlobal("navigator", { languages: ["en-GB", "zh-CN"] });
  vi.stubGlobal("localStorage", { getItem: () => null });
  ({ sentenceOf } = await import("./sentences"));
  ({ i18n } = await import("@/i18n"));
});

function said(language: "en" | "zh", error: unknown): string {
  i18n.global.locale.value = language;
  return sentenceOf(error);
}

function waiting(status: number, seconds?: number): Problem {
  return new Problem(status, "", {}, seconds);
}

const DETAIL = "The title: at most 255 characters. <b>100 % @:{it} | that</b>";
const STATUSES = [
  0, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 418, 421, 422, 423, 424,
  425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511, 520, 599,
];

describe("an error in the reader's language", () => {
  test.each(STATUSES)("%i has a whole sentence in both, with and without one of the server", (status) => {
    for (const detail of ["", DETAIL]) {
      for (const id of ["", "4711"]) {
        const problem = new Problem(status, detail, {}, undefined, id);
        const en = said("en", problem);
        const zh = said("zh", problem);
        expect(en).toMatch(/[.>]$/);
        expect(en).not.toBe(zh);
        if (!en.includes(DETAIL)) expect(en).toMatch(/^[\x20-\x7e]+\.$/);
        expect(zh).toMatch(/^\p{Script=Han}/u);
        for (const each of [en, zh])
          expect(each.replace(DETAIL, "")).not.toMatch(/[{}|]|problem\.|undefined/);
      }
    }
  });

  test.each([
    [waiting(429, 12), "Too many requests. Try again in 12 seconds.", "请求过多。请在12秒钟后重试。"],
    [waiting(429, 0), "Too many requests. Try again in 1 second.", "请求过多。请在1秒钟后重试。"],
    [waiting(429, 119), "Too many requests. Try again in 119 seconds.", "请求过多。请在119秒钟后重试。"],
    [waiting(429, 121), "Too many requests. Try again in 3 minutes.", "请求过多。请在3分钟后重试。"],
    [waiting(429, 7_200), "Too many requests. Try again in 2 hours.", "请求过多。请在2小时后重试。"],
    [waiting(429, 200_000), "Too many requests. Try again in 3 days.", "请求过多。请在3天后重试。"],
    [waiting(429), "Too many requests. Try again in a while.", "请求过多。请稍后重试。"],
    [
      waiting(503, 5),
      "The server is busy, or is being restarted. Try again in 5 seconds.",
      "服务器繁忙或正在重启。请在5秒钟后重试。",
    ],
    [
      waiting(503),
      "The server is busy, or is being restarted. Try again in a while.",
      "服务器繁忙或正在重启。请稍后重试。",
    ],
    [
      waiting(502),
      "The server is busy, or is being restarted. Try again in a while.",
      "服务器繁忙或正在重启。请稍后重试。",
    ],
    [new Problem(413, ""), "The file is too large.", "文件太大。"],
    [
      new Problem(413, "At most 20 MB."),
      "The file is too large. The server says: At most 20 MB.",
      "文件太大。服务器说明：At most 20 MB.",
    ],
    [new Problem(418, ""), "This did not work.", "操作未成功。"],
    [
      new Problem(0, ""),
      "The server can't be reached. Check the connection, and try again.",
      "无法连接服务器。请检查网络后重试。",
    ],
    [
      new Problem(500, ""),
      "The server failed. If that happens again, tell an administrator.",
      "服务器出错。若再次发生，请告知管理员。",
    ],
    [
      new UnreadableAnswer(),
      "The server's answer makes no sense to this page. Load the page again.",
      "无法理解服务器的响应，请重新加载页面。",
    ],
  ])("%o", (error, en, zh) => {
    expect([said("en", error), said("zh", error)]).toEqual([en, zh]);
  });

  test.each([
    ["quota-exceeded", 429, "Too many requests.", "请求过多。"],
    ["too-many-guesses", 429, "Too many wrong passwords.", "密码错误次数过多。"],
    ["drive-unavailable", 503, "The drive does not answer at the moment.", "网盘暂时没有响应。"],
    [
      "insufficient-storage",
      507,
      "The server has no room left to store this. Tell an administrator.",
      "服务器存储空间已满，请告知管理员。",
    ],
  ])("%s says when to try again", (code, status, en, zh) => {
    const problem = new Problem(status, "It says so.", {}, 12, "", code);
    expect(said("en", problem)).toBe(`${en} Try again in 12 seconds.`);
    expect(said("zh", problem)).toBe(`${zh}请在12秒钟后重试。`);
  });

  const refusal = (code: string, parameters = {}) => ({ detail: "It says so.", code, parameters });
  test.each([
    [refusal("too-long", { most: 4000 }), "This is longer than 4,000 characters.", "不能超过 4,000 个字符。"],
    [
      refusal("file-too-large", { bytes: 250_000_000 }),
      "The file is larger than 250 MB, which is the most that is accepted.",
      "文件超过了 250 MB 的上限。",
    ],
    [
      refusal("broken-picture"),
      "The picture is damaged or incomplete. The server says: It says so.",
      "图片已损坏或不完整。服务器说明：It says so.",
    ],
    [
      refusal("a-code-of-tomorrow"),
      "This value is not accepted. The server says: It says so.",
      "此值不被接受。服务器说明：It says so.",
    ],
  ])("%o, which is about a field", (problem, en, zh) => {
    expect([said("en", problem), said("zh", problem)]).toEqual([en, zh]);
    const whole = new Problem(
      422,
      "field: It says so.",
      { field: problem },
      undefined,
      "",
      "invalid-request",
    );
    expect([said("en", whole), said("zh", whole)]).toEqual([en, zh]);
  });

  test("every code has a whole sentence in both, with whatever stands in it", async () => {
    const { en } = await import("./refusals-en");
    const parameters = {
      most: 1,
      least: 1,
      bytes: 1,
      scope: "a",
      syntax: "a",
      images: "a",
      image: "a",
      readers: 1,
    };
    for (const code of Object.keys(en)) {
      const problem = new Problem(400, "", {}, undefined, "", code, parameters);
      expect(said("en", problem)).toMatch(/^[A-Z][\x20-\x7e]+\.$/);
      expect(said("zh", problem)).toMatch(/\p{Script=Han}.*。$/u);
      for (const each of [said("en", problem), said("zh", problem)])
        expect(each).not.toMatch(/[{}|]|refusal\./);
    }
  });
});
