import type { RouteRecordRaw } from "vue-router";
import { ID } from "../ids";

const administrators = { administrators: true };

export const routes: RouteRecordRaw[] = [
  { path: "/labelling", component: () => import("./desk/NextJobPage.vue") },
  { path: `/labelling/jobs/${ID}`, component: () => import("./desk/JobPage.vue") },
  { path: "/labelling/images", component: () => import("./managing/ImagesPage.vue") },
  { path: `/labelling/images/${ID}`, component: () => import("./review/ImagePage.vue") },
  {
    path: "/labelling/assignments",
    component: () => import("./managing/AssignmentsPage.vue"),
    meta: administrators,
  },
  {
    path: `/labelling/assignments/${ID}`,
    component: () => import("./managing/AssignmentPage.vue"),
    meta: administrators,
  },
  {
    path: "/labelling/agreement",
    component: () => import("./agreement/AgreementPage.vue"),
    meta: administrators,
  },
  { path: "/labelling/exports", component: () => import("./managing/ExportsPage.vue"), meta: administrators },
];
