import { ref, watch } from "vue";

const STORED = "lightbox.single-keys";
const OFF = "off";

/**
 * Whether single characters, such as letters, + and ?, are commands wherever the focus is. Those who speak to their
 * computer, or whose hands hit keys beside the ones they want, turn that off on this device (WCAG 2.1.4).
 */
export const singleKeys = ref(localStorage.getItem(STORED) !== OFF);

watch(singleKeys, (on) => {
  if (on) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, OFF);
});
