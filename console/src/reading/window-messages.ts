import { defineMessages } from "@/i18n";

export const messages = defineMessages({
  en: {
    notKept: "The picture of this prediction was not kept, so it can't be shown.",
    title: "Window",
    level: "Level",
    width: "Width",
    presets: "Windows",
    preset: "Window {number} of the file",
    wholeRange: "Whole range",
    asOpened: "As it was opened",
    own: "Your own",
    reset: "Reset the window",
    tool: "Drag changes the window",
    help: "In the picture, drag with the right mouse button: to the right is wider, down is a higher level. Keys, when the picture has the focus: I and K for the level, J and L for the width, 1 to 9 for the windows of the file.",
  },
  zh: {
    notKept: "此预测的图片未保存，无法显示。",
    title: "窗口",
    level: "窗位",
    width: "窗宽",
    presets: "预设窗口",
    preset: "文件中的窗口 {number}",
    wholeRange: "全部范围",
    asOpened: "打开时的窗口",
    own: "自定义",
    reset: "重置窗口",
    tool: "拖动调整窗口",
    help: "在图片上按住鼠标右键拖动：向右增大窗宽，向下提高窗位。图片获得焦点时的按键：I 和 K 调整窗位，J 和 L 调整窗宽，1 至 9 选择文件中的窗口。",
  },
});
