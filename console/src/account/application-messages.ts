import { defineMessages } from "@/i18n";

export const messages = defineMessages({
  en: {
    title: "Applications",
    about:
      "Front ends of others that you have let in, and what you have allowed them. Those that belong to this installation are not asked for.",
    none: "You have let in no applications.",
    may: "It may:",
    since: "Let in {when}",
    changed: "changed {when}",
    revoke: "Take back",
    revokeTitle: "Take back what {name} may do?",
    revokeAbout: "It is signed out from your account at once, and has to ask you again.",
    revoked: "{name} may do nothing in your name any more.",
  },
  zh: {
    title: "应用",
    about: "您已授权的第三方前端及其权限。属于本系统的应用无需授权。",
    none: "您尚未授权任何应用。",
    may: "可以：",
    since: "授权于 {when}",
    changed: "更改于 {when}",
    revoke: "收回授权",
    revokeTitle: "收回对 {name} 的授权？",
    revokeAbout: "该应用将立即退出您的账户，之后需重新征得您的同意。",
    revoked: "{name} 已不能再以您的名义操作。",
  },
});
