import { useRoute, useRouter } from "vue-router";
import { Problem } from "@/api/problem";
import { session } from "@/session/session";

const UNAUTHORIZED = 401;

/** Reads something of the gallery. A stranger to whom it is closed is sent to the sign-in, and comes back from there. */
export function useVisitor(): <Value>(reading: Promise<Value>) => Promise<Value> {
  const router = useRouter();
  const route = useRoute();
  return async (reading) => {
    try {
      return await reading;
    } catch (error) {
      if (error instanceof Problem && error.status === UNAUTHORIZED && session.account.value === null)
        await router.replace({ path: "/sign-in", query: { to: route.fullPath } });
      throw error;
    }
  };
}
