import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  test: {
    // `npm test` runs the tests beside the code; those in `tests/` drive a browser, and need a platform that runs.
    include: ["src/**/*.test.ts"],
    passWithNoTests: false,
  },
});
