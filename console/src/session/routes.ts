import type { RouteRecordRaw } from "vue-router";

export const SIGN_IN = "/sign-in";

export const routes: RouteRecordRaw[] = [
  { path: SIGN_IN, component: () => import("./SignInPage.vue"), meta: { open: true } },
  { path: "/sign-up", component: () => import("./SignUpPage.vue"), meta: { open: true } },
];
