import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [{ path: "/reading", component: () => import("./ReadingPage.vue") }];
