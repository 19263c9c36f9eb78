import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [
  {
    path: "/administration",
    component: () => import("./AdministrationPage.vue"),
    meta: { administrators: true },
  },
];
