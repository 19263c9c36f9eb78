import { onUnmounted, ref, type Ref } from "vue";
import type { Schema } from "@/api/client";
import { listen } from "@/api/events";

const MOST = 24;

/** The newest pictures of a collection, as they arrive while the page is open, and whether the connection stands. */
export function useArriving(collection: string): {
  pictures: Ref<Schema<"PictureBody">[]>;
  connected: Ref<boolean>;
} {
  const pictures = ref<Schema<"PictureBody">[]>([]);
  const connected = ref(false);
  const stop = listen(`/collections/${encodeURIComponent(collection)}/events`, {
    events: {
      picture: (picture: Schema<"PictureBody">) => {
        pictures.value = [picture, ...pictures.value].slice(0, MOST);
      },
    },
    connected: (stands) => (connected.value = stands),
  });
  onUnmounted(stop);
  return { pictures, connected };
}

/** The address of a thumbnail that fits into a square of so many pixels. */
export function thumbnail(picture: Schema<"PictureBody">, side: number): string {
  const separator = picture.href.includes("?") ? "&" : "?";
  return `${picture.href}${separator}w=${side}&h=${side}`;
}
