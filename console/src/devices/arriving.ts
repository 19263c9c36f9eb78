import { onUnmounted, ref, type Ref } from "vue";
import type { Schema } from "@/api/client";

const MOST = 24;

/** The newest pictures of a collection, as they arrive while the page is open, and whether the connection stands. */
export function useArriving(collection: string): {
  pictures: Ref<Schema<"PictureBody">[]>;
  connected: Ref<boolean>;
} {
  const pictures = ref<Schema<"PictureBody">[]>([]);
  const connected = ref(false);
  const source = new EventSource(`/collections/${encodeURIComponent(collection)}/events`);
  source.addEventListener("open", () => (connected.value = true));
  source.addEventListener("error", () => (connected.value = false));
  source.addEventListener("picture", (event: MessageEvent<string>) => {
    pictures.value = [JSON.parse(event.data) as Schema<"PictureBody">, ...pictures.value].slice(0, MOST);
  });
  onUnmounted(() => source.close());
  return { pictures, connected };
}

/** The address of a thumbnail that fits into a square of so many pixels. */
export function thumbnail(picture: Schema<"PictureBody">, side: number): string {
  const separator = picture.href.includes("?") ? "&" : "?";
  return `${picture.href}${separator}w=${side}&h=${side}`;
}
