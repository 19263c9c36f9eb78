import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [
  { path: "/sign-in", component: () => import("./SignInPage.vue"), meta: { open: true } },
  { path: "/sign-up", component: () => import("./SignUpPage.vue"), meta: { open: true } },
];
