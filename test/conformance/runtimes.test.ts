import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Report } from "../../conformance/index.js";
import { runtimeOf } from "../../conformance/runners/versions.js";
import { HAS_NEWER_NODES, installNewerNodes, NEWER_NODES, newerNode, packageFolder } from "../newer-nodes.js";
import { ROOT } from "../package/installed.js";
import { createMigratedDatabase } from "../postgres/database.js";
import { isSoak } from "../soak.js";
import { CASE_MS } from "./case-limit.js";

const run = promisify(execFile);

/** What a runtime could change: how bytes, threads, files, sockets and processes behave. All of the kit runs in the soak. */
const CHANGED_BY_RUNTIMES = ["save/", "bytes/", "close/", "durability/"];

/** What shows that all is there and works, where another cell of the same version or driver runs more. */
const SAMPLE = ["save/", "close/"];

const MEMORY = `
  import { openStore } from "groundstate";
  import "groundstate/drivers";
  export default { name: "memory", open: (space, options) => openStore({ driver: "memory", ...options }) };
`;

test("a report names the true runtime", () => {
  expect(runtimeOf({ node: "20.19.0" })).toBe("node 20.19.0");
  expect(runtimeOf({ node: "22.6.0", bun: "1.3.0" })).toBe("bun 1.3.0");
  expect(runtimeOf({ node: "24.2.0", deno: "2.5.0" })).toBe("deno 2.5.0");
});

describe.runIf(HAS_NEWER_NODES)(
  "the kit passes on newer Nodes, with the better-sqlite3 that is theirs",
  () => {
    let folder: string;

    beforeAll(async () => {
      await installNewerNodes();
      folder = await project(NEWER_NODES);
    }, 180_000);

    afterAll(() => rm(folder, { recursive: true, force: true }));

    const ALL = [22, 24].flatMap((version) =>
      ["memory", "sqlite", "postgres"].map((driver) => [version, driver] as const),
    );
    // In a short run SQLite alone: its package differs from Node to Node.
    const CELLS = ALL.filter(([, driver]) => isSoak || driver === "sqlite");

    test.each(CELLS)("Node %i, %s", { timeout: 120_000 }, async (version, driver) => {
      const isWhole = isSoak;
      const isSample = !isSoak && version === 22;
      const some = isSample ? SAMPLE : CHANGED_BY_RUNTIMES;
      const only = isWhole ? [] : some.flatMap((text) => ["--only", text]);
      const report = await reportOf(folder, [newerNode(version)], driver, only);
      expect(report.versions.runtime).toMatch(new RegExp(`^node ${version}\\.`));
      expect(report.passed).toBeGreaterThan(isWhole ? 150 : isSample ? 5 : 20);
    });
  },
);

/** Their binaries are too large for a lock of this repository: whatever is the newest is installed for the run. */
describe.runIf(isSoak && HAS_NEWER_NODES)("the kit passes on other runtimes", () => {
  let folder: string;
  let packages: string;

  beforeAll(async () => {
    const home = await mkdtemp(join(tmpdir(), "gs-runtimes-"));
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await run("npm", [...args, "deno", "bun", "better-sqlite3@13"], { cwd: home });
    packages = join(home, "node_modules");
    await run(process.execPath, ["install.js"], { cwd: join(packages, "bun") });
    await run(process.execPath, ["install.cjs"], { cwd: join(packages, "deno") });
    folder = await project(home);
  }, 300_000);

  afterAll(async () => {
    for (const made of [folder, join(packages, "..")]) await rm(made, { recursive: true, force: true });
  });

  const CELLS = ["deno", "bun"].flatMap((name) =>
    ["memory", "sqlite", "postgres"].map((driver) => [name, driver] as const),
  );

  test.each(CELLS)("%s, %s", { timeout: 300_000 }, async (name, driver) => {
    const program =
      name === "bun" ? [join(packages, "bun/bin/bun.exe")] : [join(packages, "deno/deno"), "run", "-A"];
    const report = await reportOf(folder, program, driver, []);
    expect(report.versions.runtime).toMatch(new RegExp(`^${name} `));
    expect(report.passed).toBeGreaterThan(150);
  });
});

/** A folder with the package as it ships, the better-sqlite3 of `home`, and the harnesses. */
async function project(home: string): Promise<string> {
  const folder = await packageFolder(home);
  for (const name of ["sqlite-harness.mjs", "postgres-harness.mjs"]) {
    await cp(join(ROOT, "test/conformance", name), join(folder, name));
  }
  await writeFile(join(folder, "memory-harness.mjs"), MEMORY);
  return folder;
}

/** What the kit reports under this program, in which nothing may have failed. */
async function reportOf(
  folder: string,
  [program, ...before]: readonly string[],
  driver: string,
  only: readonly string[],
): Promise<Report> {
  const files = await mkdtemp(join(folder, "files-"));
  const env: NodeJS.ProcessEnv = { ...process.env, GROUNDSTATE_HARNESS_FOLDER: files };
  if (driver === "postgres") {
    const { url, drop } = await createMigratedDatabase();
    onTestFinished(drop);
    env.GROUNDSTATE_HARNESS_POSTGRES = url;
  }
  const command = join(folder, "node_modules/groundstate/dist/conformance/cli.js");
  const args = [
    ...before,
    command,
    "conformance",
    `./${driver}-harness.mjs`,
    "--json",
    "--timeout",
    String(CASE_MS),
    ...only,
  ];
  const { stdout } = await run(program as string, args, { cwd: folder, env, maxBuffer: 2 ** 24 }).catch(
    (error: { stdout: string }) => error,
  );
  const report = JSON.parse(stdout) as Report;
  expect(report.results.filter(({ outcome }) => outcome === "failed")).toEqual([]);
  expect(report.stray).toEqual([]);
  return report;
}
