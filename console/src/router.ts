import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";
import { restore, session } from "./session/session";

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
  { path: "/sign-in", component: () => import("./session/SignInPage.vue"), meta: { open: true } },
  { path: "/sign-up", component: () => import("./session/SignUpPage.vue"), meta: { open: true } },
  { path: "/reading", component: () => import("./reading/ReadingPage.vue") },
  { path: "/reading/:id(\\d+)", component: () => import("./reading/ReadingPage.vue"), props: true },
  { path: "/account", component: () => import("./account/AccountPage.vue") },
  { path: "/:nothing(.*)*", component: () => import("./NotFoundPage.vue"), meta: { open: true } },
];

export const router = createRouter({
  history: createWebHistory("/console/"),
  routes,
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
});

router.beforeEach(async (to) => {
  await restore();
  const signedIn = session.account.value !== null;
  if (to.meta.open !== true && !signedIn) return { path: "/sign-in", query: { to: to.fullPath } };
  if (to.meta.administrators === true && !session.isAdministrator.value) return { path: "/not-found" };
  return true;
});
