import { fileURLToPath } from "node:url";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";
import { precompress } from "./vite/precompress.ts";

// `npm run dev` serves the console with changes shown at once, and passes everything else on to this gateway.
const GATEWAY = process.env.LIGHTBOX_GATEWAY ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "/console/",
  plugins: [vue(), precompress()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    // A picture that is part of the code would need `data:` in the policy of scripts, and is fetched in vain.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    target: "es2022",
  },
  define: {
    __VUE_OPTIONS_API__: "false",
    __VUE_I18N_LEGACY_API__: "false",
    __VUE_I18N_FULL_INSTALL__: "false",
  },
  server: {
    // A build that goes on meanwhile changes no source.
    watch: { ignored: ["**/dist{,.new,.old}/**"] },
    // The gateway compares `Host` with `Origin` before it takes a cookie.
    proxy: { "^/(?!console/)": { target: GATEWAY, changeOrigin: false } },
  },
});
