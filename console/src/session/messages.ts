import { defineMessages } from "@/i18n";

export const messages = defineMessages({
  en: {
    signIn: "Sign in",
    signUp: "Make an account",
    username: "User name",
    password: "Password",
    passwordAgain: "Password, once more",
    notTheSame: "The two passwords differ.",
    wrong: "There is no account of this name, or the password is wrong.",
    waiting:
      "Your account waits for approval. An administrator has to approve it; until then there is nothing to do for you here.",
    made: "Your account is made. An administrator has to approve it before you can sign in.",
    noAccount: "No account yet?",
    haveAccount: "Have an account already?",
    ended: "Your session has ended",
    endedWhy: "Sign in again to go on where you are. Nothing on this page is lost.",
  },
  zh: {
    signIn: "登录",
    signUp: "注册账户",
    username: "用户名",
    password: "密码",
    passwordAgain: "再次输入密码",
    notTheSame: "两次输入的密码不一致。",
    wrong: "用户不存在或密码错误。",
    waiting: "您的账户正在等待管理员审核，审核通过后才能使用。",
    made: "账户已注册。管理员审核通过后即可登录。",
    noAccount: "还没有账户？",
    haveAccount: "已有账户？",
    ended: "会话已结束",
    endedWhy: "请重新登录以继续操作，本页内容不会丢失。",
  },
});
