import type { Middleware } from "openapi-fetch";
import { computed, shallowReactive } from "vue";

const ids = shallowReactive(new Set<string>());

/** Whether something that was asked of the server has not been answered yet. */
export const isAsking = computed(() => ids.size > 0);

/** Counts what is read. What is changed is not counted: the control that does so says itself that it is busy. */
export const inFlight: Middleware = {
  onRequest: ({ request, id }) => {
    if (request.method === "GET") ids.add(id);
  },
  onResponse: ({ id }) => {
    ids.delete(id);
  },
  onError: ({ id }) => {
    ids.delete(id);
  },
};
