import type { RouteRecordRaw } from "vue-router";

export const routes: RouteRecordRaw[] = [{ path: "/gallery", component: () => import("./GalleryPage.vue") }];
