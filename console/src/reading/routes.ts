import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [
  { path: "/reading", component: () => import("./ReadingPage.vue") },
  {
    path: "/reading/:id(\\d+)",
    component: () => import("./XrayPage.vue"),
    props: (to) => ({ id: Number(to.params.id) }),
  },
];
