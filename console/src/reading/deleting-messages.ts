import { defineMessages } from "@/i18n";

export const messages = defineMessages({
  en: {
    selected: "{count} selected",
    selectNone: "Select none",
    titleOne: "Delete {name}?",
    titleMany: "Delete {count} readings?",
    about: "The picture, its findings and its heatmaps are deleted for good.",
    aboutMany: "Their pictures, findings and heatmaps are deleted for good: {names}",
    done: "{count} reading was deleted. | {count} readings were deleted.",
    deleteSelected: "Delete {count} reading | Delete {count} readings",
  },
  zh: {
    selected: "已选 {count} 条",
    selectNone: "取消选择",
    titleOne: "删除 {name}？",
    titleMany: "删除 {count} 条记录？",
    about: "图片、所见和热力图将被永久删除。",
    aboutMany: "以下记录的图片、所见和热力图将被永久删除：{names}",
    done: "已删除 {count} 条记录。",
    deleteSelected: "删除 {count} 条记录",
  },
});
