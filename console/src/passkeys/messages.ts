import { defineMessages } from "@/i18n";

export const messages = defineMessages({
  en: {
    signIn: "Sign in with a passkey",
    unavailable: {
      insecure: "No passkeys here: this page was loaded without encryption. Open it by https.",
      address: "No passkeys here: they need the name of a host, and this page was opened by an address.",
      host: "No passkeys here: those of this installation belong to another address of it.",
      browser: "No passkeys here: this browser has none, or is too old for them.",
    },
    byName: "Open it as {host}",
    problem: {
      cancelled: "No passkey was used: it was cancelled or not allowed, or there is none for this address.",
      timeout: "No passkey was used: the time ran out. Please try again.",
      known: "This device has a passkey for your account already.",
      unsupported: "This device can't make a passkey of a kind that is accepted here.",
      unverified: "This device can't make sure that it is you, by a fingerprint, a face or a PIN.",
      replaced: "Another question for a passkey has taken its place. Please try again.",
      failed: "The device failed. Please try again, or use another one.",
    },
    refused: {
      "wrong-passkey":
        "This passkey is not known here any more, or its answer came too late. Try again, or use your password.",
      "awaiting-approval":
        "Your account waits for approval. An administrator has to approve it; until then there is nothing to do for you here.",
      "unusable-passkey": "The answer of the device was not valid, or came too late. Please try again.",
      "passkey-known": "This passkey is registered already.",
      "too-many-passkeys":
        "You have as many passkeys as one may have. Remove one that you do not need any more.",
      "last-way-to-sign-in":
        "This is your only way to sign in, since your account has no password. Add another passkey first.",
    },
  },
  zh: {
    signIn: "使用通行密钥登录",
    unavailable: {
      insecure: "此处无法使用通行密钥：页面未经加密加载。请通过 https 打开。",
      address: "此处无法使用通行密钥：通行密钥需要主机名，而本页是通过 IP 地址打开的。",
      host: "此处无法使用通行密钥：本系统的通行密钥属于它的另一个网址。",
      browser: "此处无法使用通行密钥：浏览器不支持或版本过旧。",
    },
    byName: "通过 {host} 打开",
    problem: {
      cancelled: "未使用通行密钥：操作被取消或未被允许，或此网址没有通行密钥。",
      timeout: "未使用通行密钥：已超时，请重试。",
      known: "此设备已有您账户的通行密钥。",
      unsupported: "此设备无法创建本系统接受的通行密钥。",
      unverified: "此设备无法通过指纹、面容或 PIN 确认您的身份。",
      replaced: "另一个通行密钥请求取代了此次请求，请重试。",
      failed: "设备出错。请重试，或使用其他设备。",
    },
    refused: {
      "wrong-passkey": "此通行密钥已不被识别，或响应太迟。请重试，或使用密码。",
      "awaiting-approval": "您的账户正在等待管理员审核，审核通过后才能使用。",
      "unusable-passkey": "设备的响应无效或太迟，请重试。",
      "passkey-known": "此通行密钥已注册。",
      "too-many-passkeys": "您的通行密钥数量已达上限。请先移除不再需要的通行密钥。",
      "last-way-to-sign-in": "您的账户没有密码，这是您唯一的登录方式。请先添加另一个通行密钥。",
    },
  },
});
