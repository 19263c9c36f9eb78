import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [
  { path: "/labelling", component: () => import("./LabellingPage.vue") },
];
