import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import vue from "eslint-plugin-vue";
import globals from "globals";
import typescript from "typescript-eslint";

export default typescript.config(
  { ignores: ["dist", "dist.new", "dist.old", ".node", "node_modules", "src/api/schema.d.ts"] },
  js.configs.recommended,
  typescript.configs.strict,
  vue.configs["flat/recommended"],
  {
    languageOptions: {
      globals: { ...globals.browser },
      parserOptions: { parser: typescript.parser },
    },
    rules: {
      "vue/multi-word-component-names": "off", // pages and buttons have one word
      "vue/require-default-prop": "off", // TypeScript says what is optional
    },
  },
  prettier,
);
