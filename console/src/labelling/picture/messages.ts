import { defineMessages } from "@/i18n";

export const messages = defineMessages({
  en: {
    viewer: "Picture: zoom with + and -, move with the arrow keys",
    zoomIn: "Zoom in",
    zoomOut: "Zoom out",
    fit: "Whole picture",
    channel: "Channel",
    original: "Original",
    green: "Green channel",
    failed: "The picture can't be loaded.",
  },
  zh: {
    viewer: "图像：用 + 和 - 缩放，用方向键移动",
    zoomIn: "放大",
    zoomOut: "缩小",
    fit: "整幅",
    channel: "通道",
    original: "原图",
    green: "绿色通道",
    failed: "图像无法加载。",
  },
});
