import type { RouteRecordRaw } from "vue-router";
import { ID } from "../ids";

export const routes: RouteRecordRaw[] = [
  {
    path: "/administration",
    component: () => import("./AdministrationPage.vue"),
    meta: { administrators: true },
    children: [
      { path: "", redirect: "/administration/accounts" },
      { path: "accounts", component: () => import("./AccountsPage.vue") },
      { path: "keys", component: () => import("./KeysPage.vue") },
      {
        path: "clients",
        children: [
          { path: "", component: () => import("./ClientsPage.vue") },
          { path: "new", component: () => import("./NewClientPage.vue") },
          { path: ID, component: () => import("./ClientPage.vue") },
        ],
      },
      { path: "audit", component: () => import("./AuditPage.vue") },
      { path: "health", component: () => import("./HealthPage.vue") },
    ],
  },
];
