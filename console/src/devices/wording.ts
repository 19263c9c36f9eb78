import { useSentences } from "@/i18n";
import { bytes } from "@/i18n/format";
import type { Limits, Preview } from "./limits";
import { messages } from "./retention-messages";

/** The sentences about retention, with numbers in the reader's language. */
export function useWording() {
  const { t } = useSentences(messages);

  function days(count: number): string {
    return t("days", { count }, count);
  }

  /** What these limits keep. */
  function kept(limits: Limits): string {
    if (limits.days === null && limits.bytes === null) return t("forever");
    if (limits.bytes === null) return t("keptDays", { days: days(limits.days ?? 0) });
    if (limits.days === null) return t("keptBytes", { size: bytes(limits.bytes) });
    return t("keptBoth", { days: days(limits.days), size: bytes(limits.bytes) });
  }

  /** What is kept where there is no rule. */
  function keptWithoutRule(anonymousDays: number | null): string {
    return anonymousDays === null ? t("forever") : t("anonymous", { days: days(anonymousDays) });
  }

  function pictures(preview: Preview): string {
    return t("pictures", { count: preview.pictures }, preview.pictures);
  }

  /** What would be deleted. */
  function lost(preview: Preview): string {
    const devices = t("devices", { count: preview.devices }, preview.devices);
    const counted = { pictures: pictures(preview), size: bytes(preview.bytes), devices };
    return t(preview.complete ? "confirm" : "confirmAtLeast", counted);
  }

  return { t, kept, keptWithoutRule, pictures, lost };
}
