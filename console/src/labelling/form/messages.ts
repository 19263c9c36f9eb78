import { defineMessages } from "@/i18n";

export const messages = defineMessages({
  en: {
    other: "Other",
    clear: "Clear",
    choose: "Choose ...",
    required: "required",
    json: "As JSON",
    fieldKey: "Key {key}",
  },
  zh: {
    other: "其他",
    clear: "清除",
    choose: "请选择……",
    required: "必填",
    json: "以 JSON 填写",
    fieldKey: "快捷键 {key}",
  },
});
