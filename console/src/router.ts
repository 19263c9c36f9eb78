import { shallowRef } from "vue";
import {
  createRouter,
  createWebHistory,
  type RouteLocationNormalized,
  type RouteRecordRaw,
} from "vue-router";
import { routes as account } from "./account/routes";
import { routes as administration } from "./administration/routes";
import { routes as devices } from "./devices/routes";
import { routes as gallery } from "./gallery/routes";
import { routes as labelling } from "./labelling/routes";
import { routes as reading } from "./reading/routes";
import { placeOf } from "./scrolling";
import { afterSignIn } from "./session/destination";
import { routes as session, SIGN_IN } from "./session/routes";
import { restore, session as current } from "./session/session";

declare module "vue-router" {
  interface RouteMeta {
    /** Whether strangers see the page. */
    open?: boolean;
    /** Whether only administrators see it. */
    administrators?: boolean;
  }
}

const NOWHERE = "nowhere";

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
  {
    path: "/:nothing(.*)*",
    name: NOWHERE,
    component: () => import("./layout/NotFoundPage.vue"),
    meta: { open: true },
  },
];

export const router = createRouter({
  history: createWebHistory("/console/"),
  routes,
  scrollBehavior: (to, _from, left) =>
    placeOf(left, () => router.currentRoute.value.fullPath === to.fullPath),
});

/** What stands in no address of the server: control characters, and steps to other folders. */
const IMPOSSIBLE = /\p{Cc}|^\.\.?($|[/\\])/u;

router.beforeEach(async (to) => {
  isOpening.value = true;
  if (
    to.name !== NOWHERE &&
    Object.values(to.params)
      .flat()
      .some((each) => IMPOSSIBLE.test(each))
  )
    return { path: "/not-found" };
  await restore();
  const signedIn = current.account.value !== null;
  if (to.path === SIGN_IN && signedIn) return afterSignIn(to);
  if (to.meta.open !== true && !signedIn) return { path: SIGN_IN, query: { to: to.fullPath } };
  if (to.meta.administrators === true && !current.isAdministrator.value) return { path: "/not-found" };
  return true;
});

/** The page that was asked for and could not be opened, with the reason; null if there is none. */
export const unopened = shallowRef<{ to: RouteLocationNormalized; error: unknown } | null>(null);

/** Whether a page was asked for and is not there yet, since its part of the console is being loaded. */
export const isOpening = shallowRef(false);

router.onError((error: unknown, to) => {
  unopened.value = { to, error };
  isOpening.value = false;
});
router.afterEach((_to, _from, failure) => {
  if (!failure) unopened.value = null;
  isOpening.value = false;
});
