import { defineConfig } from "vitest/config";

const MINUTE = 60_000;
/** How long a page may take to show something where other programs occupy the cores. */
const BUSY = 20_000;

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: MINUTE,
    hookTimeout: MINUTE,
    expect: { poll: { timeout: BUSY } },
  },
});
