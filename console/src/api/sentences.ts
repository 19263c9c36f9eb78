import { i18n } from "@/i18n";
import { Problem } from "./problem";

/** What an error means for the reader, and what to do about it, in their language. */
export function sentenceOf(error: unknown): string {
  const { t } = i18n.global;
  if (!(error instanceof Problem)) return t("problem.network");
  const { status, detail, retryAfter } = error;
  switch (status) {
    case 0:
      return t("problem.network");
    case 403:
      return t("problem.forbidden");
    case 404:
    case 410:
      return t("problem.notFound");
    case 409:
    case 412:
      return detail || t("problem.changed");
    case 413:
      return t("problem.tooLarge", { detail });
    case 429:
      return retryAfter === undefined
        ? t("problem.tooManyLater")
        : t("problem.tooMany", { seconds: retryAfter });
    case 502:
    case 503:
    case 504:
      return retryAfter === undefined ? t("problem.busyLater") : t("problem.busy", { seconds: retryAfter });
    case 500:
      return t("problem.failed", { id: error.requestId });
    default:
      return t("problem.other", { detail });
  }
}
