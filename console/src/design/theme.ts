import { ref, watch } from "vue";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const STORED = "lightbox.theme";

/** The appearance that was chosen on this device; "auto" is that of the device itself. */
export const theme = ref<Theme>(stored());

function stored(): Theme {
  const value = localStorage.getItem(STORED);
  return THEMES.find((each) => each === value) ?? "auto";
}

export function applyTheme(): void {
  watch(
    theme,
    (chosen) => {
      localStorage.setItem(STORED, chosen);
      if (chosen === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = chosen;
    },
    { immediate: true },
  );
}
