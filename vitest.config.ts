import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { LongestFirst } from "./test/longest-first.js";
import { onTheBuild } from "./test/on-the-build.js";
import { CHANGE_MODULES, SHARED_MODULES } from "./test/shared-modules.js";
import { soak } from "./test/soak.js";
import { isBuilt } from "./tools/built-from.mjs";

/** A thread is started by Node, which runs no TypeScript: it gets the module that was built. */
const BUILT_ENTRY = fileURLToPath(new URL("dist/drivers/sqlite/thread/entry-url.js", import.meta.url));

/** Sources that were changed since the last build are read themselves, so that one file of tests needs no build. */
const plugins = isBuilt() ? [onTheBuild] : [];

const each = {
  pool: "forks",
  // What is waited for comes, or is missing: a busy machine needs longer than the default of a second.
  expect: { poll: { timeout: 20_000 } },
  // Cases of the conformance kit one after another: five side by side cost three times the CPU time, and as long again.
  maxConcurrency: 1,
  // Only what hangs takes this long, also where others use the machine.
  testTimeout: soak(240_000),
  hookTimeout: 240_000,
} as const;

/** A suite of others asks for its chai where we do not have it. */
const AEGIR_CHAI = fileURLToPath(new URL("test/foreign/aegir-chai.ts", import.meta.url));

const resolve = {
  alias: [
    { find: /^\.\/entry-url\.js$/, replacement: BUILT_ENTRY },
    { find: "aegir/chai", replacement: AEGIR_CHAI },
  ],
};
const server = { deps: { inline: [/interface-datastore-tests/], external: [/\/dist\//] } };

const projects: TestProjectInlineConfiguration[] = [
  {
    resolve,
    plugins,
    test: {
      ...each,
      name: "own",
      server,
      include: ["test/**/*.test.ts"],
      exclude: [...SHARED_MODULES, ...CHANGE_MODULES],
    },
  },
  // These change modules, which Vite can do for those that it reads itself.
  { resolve, test: { ...each, name: "changed", include: CHANGE_MODULES } },
  // The files of a worker share its modules, so that it reads them once.
  {
    resolve,
    plugins,
    test: { ...each, name: "shared", server, include: SHARED_MODULES, isolate: false },
  },
];

export default defineConfig({
  test: {
    // Here and not in the projects, each of which would start a server.
    globalSetup: "test/postgres/global-setup.ts",
    // Tests wait as much as they work, for windows to pass and for processes to start.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    sequence: { sequencer: LongestFirst },
    projects,
  },
});
