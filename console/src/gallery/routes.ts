import type { RouteRecordRaw } from "vue-router";
import { ID } from "../ids";

const open = { open: true };
const administrators = { administrators: true };

/** Whether strangers see the gallery is a setting of the server; the pages send them to the sign-in where they don't. */
export const routes: RouteRecordRaw[] = [
  { path: "/gallery", component: () => import("./viewing/GroupsPage.vue"), meta: open },
  { path: `/gallery/groups/${ID}`, component: () => import("./viewing/GroupPage.vue"), meta: open },
  { path: `/gallery/pictures/${ID}`, component: () => import("./viewing/PicturePage.vue"), meta: open },
  { path: "/gallery/search", component: () => import("./viewing/SearchPage.vue"), meta: open },
  { path: "/gallery/shared/:secret", component: () => import("./viewing/SharedPage.vue"), meta: open },
  { path: "/gallery/drive", component: () => import("./drive/DrivePage.vue"), meta: administrators },
  { path: "/gallery/manage", component: () => import("./managing/ManagePage.vue"), meta: administrators },
  {
    path: `/gallery/manage/${ID}`,
    component: () => import("./managing/ManageGroupPage.vue"),
    meta: administrators,
  },
  {
    path: "/gallery/duplicates",
    component: () => import("./managing/DuplicatesPage.vue"),
    meta: administrators,
  },
];
