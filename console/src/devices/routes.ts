import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [
  { path: "/devices", component: () => import("./DevicesPage.vue") },
  { path: "/devices/:collection/:device", component: () => import("./DevicePage.vue"), props: true },
];
