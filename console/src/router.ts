import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";
import { routes as account } from "./account/routes";
import { routes as administration } from "./administration/routes";
import { routes as devices } from "./devices/routes";
import { routes as gallery } from "./gallery/routes";
import { routes as labelling } from "./labelling/routes";
import { routes as reading } from "./reading/routes";
import { routes as session } from "./session/routes";
import { restore, session as current } from "./session/session";

declare module "vue-router" {
  interface RouteMeta {
    /** Whether strangers see the page. */
    open?: boolean;
    /** Whether only administrators see it. */
    administrators?: boolean;
  }
}

/** The pages, each a chunk of its own. The address says all that a page shows, so that it can be sent to somebody. */
const routes: RouteRecordRaw[] = [
  { path: "/", redirect: "/reading" },
  ...session,
  ...reading,
  ...labelling,
  ...gallery,
  ...devices,
  ...administration,
  ...account,
  { path: "/:nothing(.*)*", component: () => import("./NotFoundPage.vue"), meta: { open: true } },
];

export const router = createRouter({
  history: createWebHistory("/console/"),
  routes,
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

router.beforeEach(async (to) => {
  await restore();
  const signedIn = current.account.value !== null;
  if (to.meta.open !== true && !signedIn) return { path: "/sign-in", query: { to: to.fullPath } };
  if (to.meta.administrators === true && !current.isAdministrator.value) return { path: "/not-found" };
  return true;
});
