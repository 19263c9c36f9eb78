import type { RouteRecordRaw } from "vue-router";

const administrators = { administrators: true };

export const routes: RouteRecordRaw[] = [
  { path: "/labelling", component: () => import("./NextJobPage.vue") },
  { path: "/labelling/jobs/:id(\\d+)", component: () => import("./JobPage.vue") },
  { path: "/labelling/images", component: () => import("./ImagesPage.vue") },
  { path: "/labelling/images/:id(\\d+)", component: () => import("./ImagePage.vue") },
  {
    path: "/labelling/assignments",
    component: () => import("./AssignmentsPage.vue"),
    meta: administrators,
  },
  {
    path: "/labelling/assignments/:id(\\d+)",
    component: () => import("./AssignmentPage.vue"),
    meta: administrators,
  },
  {
    path: "/labelling/agreement",
    component: () => import("./AgreementPage.vue"),
    meta: administrators,
  },
  { path: "/labelling/exports", component: () => import("./ExportsPage.vue"), meta: administrators },
];
