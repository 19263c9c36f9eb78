import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [{ path: "/devices", component: () => import("./DevicesPage.vue") }];
