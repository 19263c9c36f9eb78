import { defineMessages } from "@/i18n";

export const messages = defineMessages({
  en: {
    address:
      "The server takes its address for {named}, and this page is at {here}. Passkeys, links to share, the session cookie and the sign-in of applications are for the former. If people are to open {here}, set LIGHTBOX_PUBLIC_URL to it, name a proxy in front of the server in LIGHTBOX_TRUSTED_PROXIES, and start the platform anew; everybody may have to sign in again. Otherwise open {named}.",
    issuer:
      "The issuer of OpenID Connect is {named}, and this page is at {here}: applications can't sign people in here. Set LIGHTBOX_PUBLIC_URL to {here}, leave LIGHTBOX_ISSUER empty, and start the platform anew; everybody has to sign in again.",
  },
  zh: {
    address:
      "服务器认为自己的网址是 {named}，而本页的网址是 {here}。通行密钥、分享链接、会话 Cookie 和应用登录都以前者为准。如果应通过 {here} 访问，请将 LIGHTBOX_PUBLIC_URL 设为该网址，在 LIGHTBOX_TRUSTED_PROXIES 中填写服务器前面的代理，然后重新启动平台；所有人可能需要重新登录。否则请打开 {named}。",
    issuer:
      "OpenID Connect 的签发者是 {named}，而本页的网址是 {here}，因此应用无法在此为用户登录。请将 LIGHTBOX_PUBLIC_URL 设为 {here}，将 LIGHTBOX_ISSUER 留空，然后重新启动平台；所有人都需要重新登录。",
  },
});
