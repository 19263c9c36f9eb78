import { i18n, readable } from "@/i18n";
import { bytes, inSeconds } from "@/i18n/format";
import { Problem, type Refusal } from "./problem";
import { en } from "./refusals-en";
import { zh } from "./refusals-zh";

i18n.global.mergeLocaleMessage("en", { refusal: en });
i18n.global.mergeLocaleMessage("zh", { refusal: zh });

/** What is to say of an error. */
export interface Words {
  /** In the reader's language. */
  text: string;
  /** What the server says beside that, in its own language; "" where the text says it all. */
  server: string;
}

/** Their sentences in the reader's language are general: what is wrong exactly only the server's own says. */
const GENERAL = new Set([
  "broken-picture",
  "drive-error",
  "invalid-name",
  "not-there",
  "unfit-value",
  "unknown-field",
  "unreadable-picture",
  "unsupported-picture",
]);

/** What an error means for the reader, and what to do about it. A text is in the reader's language already. */
export function wordsOf(problem: unknown): Words {
  if (typeof problem === "string") return { text: problem, server: "" };
  if (problem instanceof Problem)
    return withWait(ofCode(problem) ?? ofFields(problem) ?? ofStatus(problem), problem);
  if (isRefusal(problem)) return ofCode(problem) ?? said("problem.field", problem.detail);
  return { text: i18n.global.t("problem.unreadable"), server: "" };
}

/** The same as one text, for where there is no markup. */
export function sentenceOf(problem: unknown): string {
  const { text, server } = wordsOf(problem);
  return server ? text + i18n.global.t("problem.said") + server : text;
}

/** The language of a sentence of the server: English, or Chinese where TheYelda's contract has it. */
export function languageOf(server: string): string {
  return /^\p{Script=Han}/u.test(server) ? "zh-Hans" : "en";
}

function isRefusal(problem: unknown): problem is Refusal {
  return typeof problem === "object" && problem !== null && "detail" in problem && "code" in problem;
}

/** The statuses of what may succeed later, whether the server says when or not. */
const LATER = [429, 502, 503, 504];

/** With the time after which the server asks to try again, so that no sentence of its own has to tell it. */
function withWait({ text, server }: Words, { status, retryAfter }: Problem): Words {
  const { t } = i18n.global;
  if (retryAfter !== undefined)
    return { text: t("problem.again", { text, when: inSeconds(retryAfter) }), server };
  return { text: LATER.includes(status) ? t("problem.againLater", { text }) : text, server };
}

function ofCode({ code, detail, parameters }: Refusal): Words | undefined {
  if (!Object.hasOwn(en, code)) return undefined;
  const size = typeof parameters.bytes === "number" ? { bytes: bytes(parameters.bytes) } : {};
  const text = i18n.global.t(`refusal.${code}`, readable({ ...parameters, ...size }));
  return { text, server: GENERAL.has(code) ? detail : "" };
}

/** Of an error about single fields, whose own sentence only says theirs again. */
function ofFields({ fields }: Problem): Words | undefined {
  const words = Object.values(fields).map(wordsOf);
  if (words.length === 0) return undefined;
  const join = (part: keyof Words) => [...new Set(words.map((each) => each[part]))].filter(Boolean).join(" ");
  return { text: join("text"), server: join("server") };
}

function ofStatus({ status, detail, requestId }: Problem): Words {
  const { t } = i18n.global;
  const only = (text: string): Words => ({ text, server: "" });
  switch (status) {
    case 0:
      return only(t("problem.network"));
    case 401:
      return only(t("problem.signedOut"));
    case 403:
      return only(t("problem.forbidden"));
    case 404:
    case 410:
      return only(t("problem.notFound"));
    case 409:
      return detail ? said("problem.other", detail) : only(t("problem.changed"));
    case 412:
      return only(t("problem.changed"));
    case 413:
      return said("problem.tooLarge", detail);
    case 429:
      return only(t("problem.tooMany"));
    case 502:
    case 503:
    case 504:
      return only(t("problem.busy"));
    case 500:
      return only(requestId ? t("problem.failed", { id: requestId }) : t("problem.failedUnknown"));
    default:
      return said("problem.other", detail);
  }
}

function said(key: string, server: string): Words {
  return { text: i18n.global.t(key), server };
}
