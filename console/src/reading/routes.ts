import type { RouteRecordRaw } from "vue-router";
import { ID } from "../ids";

export const routes: RouteRecordRaw[] = [
  { path: "/reading", component: () => import("./ReadingPage.vue") },
  {
    path: `/reading/${ID}`,
    component: () => import("./PredictionPage.vue"),
    props: (to) => ({ id: Number(to.params.id) }),
  },
];
