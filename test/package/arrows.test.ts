import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { circles, wrongArrows } from "./arrows.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

describe("imports run one way", () => {
  test("in this repository", async () => {
    const sources = new Map<string, string>();
    for (const folder of ["src", "drivers", "conformance", "examples"]) {
      const names = (await readdir(join(ROOT, folder), { recursive: true })).filter((name) =>
        name.endsWith(".ts"),
      );
      for (const name of names) {
        const path = join(folder, name).replaceAll("\\", "/");
        sources.set(path, await readFile(join(ROOT, path), "utf8"));
      }
    }
    expect(sources.size).toBeGreaterThan(300);
    expect(wrongArrows(sources)).toEqual([]);
    expect(circles(sources)).toEqual([]);
  });

  test.each([
    ["src/store/store.ts", 'import "../../drivers/memory/index.js";', "drivers/memory/index.ts"],
    ["src/store/store.ts", 'export * from "../../conformance/index.js";', "conformance/index.ts"],
    ["src/store/store.ts", 'import type { Sql } from "postgres";', "postgres"],
    ["src/store/store.ts", 'import { openStore } from "groundstate";', "groundstate"],
    ["src/store/store.ts", 'import { TypedSlot } from "../typed/slot.js";', "src/typed/slot.ts"],
    ["src/queue/queue.ts", 'import { accepted } from "../store/accepted.js";', "src/store/accepted.ts"],
    ["src/contract/errors.ts", 'import type { Slots } from "../rules/slots.js";', "src/rules/slots.ts"],
    ["src/rules/decide.ts", 'export * from "../index.js";', "src/index.ts"],
    ["src/layers/retrying.ts", 'import "../../test/clock.js";', "test/clock.ts"],
    ["src/typed/slot.ts", 'import "../store/driver-store.js";', "src/store/driver-store.ts"],
    ["src/typed/slot.ts", 'import "../queue/tenant-queues.js";', "src/queue/tenant-queues.ts"],
    ["src/typed/slot.ts", 'import "../ledger/money.js";', "src/ledger/money.ts"],
    ["src/sessions/index.ts", 'import "../ledger/money.js";', "src/ledger/money.ts"],
    ["src/forget-user/index.ts", 'import "../ledger/money.js";', "src/ledger/money.ts"],
    ["src/ledger/index.ts", 'import canonicalize from "canonicalize";', "canonicalize"],
    ["drivers/memory/index.ts", 'import "../../src/store/driver-store.js";', "src/store/driver-store.ts"],
    ["drivers/memory/index.ts", 'import { scan } from "../sqlite/scan.js";', "drivers/sqlite/scan.ts"],
    ["drivers/postgres/pool.ts", 'const load = () => import("better-sqlite3");', "better-sqlite3"],
    ["drivers/sqlite/index.ts", 'import "../index.js";', "drivers/index.ts"],
    ["conformance/cases/save.ts", 'import "../runners/run.js";', "conformance/runners/run.ts"],
    ["conformance/harness/case.ts", 'import "../index.js";', "conformance/index.ts"],
    [
      "conformance/harness/case.ts",
      'type C = import("../../src/contract/driver.js").Commit;',
      "src/contract/driver.ts",
    ],
    ["conformance/runners/vitest.ts", 'import { test } from "vitest";', "vitest"],
    ["conformance/runners/run.ts", 'import "../../bench/load.js";', "bench/load.ts"],
    ["examples/quickstart/main.ts", 'import { openStore } from "../../src/index.js";', "src/index.ts"],
    ["elsewhere/main.ts", "", "no rule says what it may import"],
  ])("a wrong one is found: %s: %s", (file, text, to) => {
    expect(wrongArrows(new Map([[file, text]]))).toEqual([`${file} -> ${to}`]);
  });

  test.each([
    ["src/index.ts", 'import { ulid } from "ulid"; import "node:util"; export * from "./contract/store.js";'],
    ["src/store/store.ts", 'import "./open-record.js"; import "../queue/commit-queue.js";'],
    [
      "src/approvals/digest.ts",
      'import canonicalize from "canonicalize"; import "../typed/cell.js"; import "../contract/errors.js";',
    ],
    ["src/forget-user/forget-user.ts", 'import "../ledger/index.js"; import "../typed/cell.js";'],
    ["drivers/index.ts", 'import "../src/store/registry.js"; import "./memory/index.js";'],
    ["drivers/sqlite/index.ts", 'import "../migrations.js"; import "../../src/rules/decide.js";'],
    ["drivers/sqlite/thread/thread.ts", 'import "../engine.js";'],
    [
      "conformance/cases/save.ts",
      'import { isStateError } from "../../src/index.js"; import "../harness/case.js";',
    ],
    ["examples/quickstart/main.ts", 'import "groundstate/drivers"; import { openStore } from "groundstate";'],
  ])("a right one is not: %s: %s", (file, text) => {
    expect(wrongArrows(new Map([[file, text]]))).toEqual([]);
  });

  test("a circle is found, through types as well", () => {
    const sources = new Map([
      ["src/rules/a.ts", 'import type { B } from "./b.js";'],
      ["src/rules/b.ts", 'export * from "./c.js";'],
      ["src/rules/c.ts", 'import "./a.js";'],
      ["src/rules/d.ts", 'import "./a.js";'],
    ]);
    expect(circles(sources)).toEqual([["src/rules/a.ts", "src/rules/b.ts", "src/rules/c.ts"]]);
  });
});
