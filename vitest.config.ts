import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { soak } from "./test/soak.js";

/** A thread is started by Node, which runs no TypeScript: it gets the module that was built. */
const BUILT_ENTRY = fileURLToPath(new URL("dist/drivers/sqlite/thread/entry-url.js", import.meta.url));

export default defineConfig({
  resolve: { alias: [{ find: /^\.\/entry-url\.js$/, replacement: BUILT_ENTRY }] },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/postgres/global-setup.ts",
    pool: "forks",
    // Tests wait as much as they work, for windows to pass and for processes to start.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    testTimeout: soak(30_000),
    hookTimeout: 60_000,
  },
});
