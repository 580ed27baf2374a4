import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.js";
import { SHARED_MODULES } from "./test/shared-modules.js";
import { soak } from "./test/soak.js";

/** A thread is started by Node, which runs no TypeScript: it gets the module that was built. */
const BUILT_ENTRY = fileURLToPath(new URL("dist/drivers/sqlite/thread/entry-url.js", import.meta.url));

export default defineConfig({
  resolve: { alias: [{ find: /^\.\/entry-url\.js$/, replacement: BUILT_ENTRY }] },
  test: {
    globalSetup: "test/postgres/global-setup.ts",
    pool: "forks",
    // Tests wait as much as they work, for windows to pass and for processes to start.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    sequence: { sequencer: LongestFirst },
    // What is waited for comes, or is missing: a busy machine needs longer than the default of a second.
    expect: { poll: { timeout: 20_000 } },
    testTimeout: soak(60_000),
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: "own", include: ["test/**/*.test.ts"], exclude: SHARED_MODULES },
      },
      {
        extends: true,
        // The files of a worker share its modules, so that it reads the source once.
        test: { name: "shared", include: SHARED_MODULES, isolate: false },
      },
    ],
  },
});
