import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { wrongArrows } from "./arrows.js";

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
    expect(sources.size).toBeGreaterThan(20);
    expect(wrongArrows(sources)).toEqual([]);
  });

  test.each([
    ["src/store.ts", 'import { openMemory } from "../drivers/memory/index.js";', "drivers/memory/index.ts"],
    ["src/store.ts", 'export * from "../conformance/index.js";', "conformance/index.ts"],
    ["src/store.ts", 'import type { Sql } from "postgres";', "postgres"],
    ["src/store.ts", 'import { openStore } from "groundstate";', "groundstate"],
    ["src/layers/retrying.ts", 'import "../../test/clock.js";', "test/clock.ts"],
    ["src/store.ts", 'import { TypedSlot } from "./typed/slot.js";', "src/typed/slot.ts"],
    ["src/typed/slot.ts", 'import { createStore } from "../driver-store.js";', "src/driver-store.ts"],
    ["src/typed/slot.ts", 'import "./ledger/money.js";', "src/typed/ledger/money.ts"],
    ["src/typed/sessions/index.ts", 'import "../ledger/money.js";', "src/typed/ledger/money.ts"],
    ["src/typed/ledger/index.ts", 'import canonicalize from "canonicalize";', "canonicalize"],
    ["src/typed/ledger/index.ts", 'import type { Driver } from "../../driver.js";', "src/driver.ts"],
    [
      "drivers/memory/index.ts",
      'import { createStore } from "../../src/driver-store.js";',
      "src/driver-store.ts",
    ],
    ["drivers/memory/index.ts", 'import { scan } from "../sqlite/scan.js";', "drivers/sqlite/scan.ts"],
    ["drivers/postgres/pool.ts", 'const load = () => import("better-sqlite3");', "better-sqlite3"],
    ["drivers/sqlite/index.ts", 'import "../index.js";', "drivers/index.ts"],
    ["conformance/case.ts", 'type C = import("../src/driver.js").Commit;', "src/driver.ts"],
    ["conformance/vitest.ts", 'import { test } from "vitest";', "vitest"],
    ["conformance/run.ts", 'import "../bench/load.js";', "bench/load.ts"],
    ["examples/quickstart/main.ts", 'import { openStore } from "../../src/index.js";', "src/index.ts"],
    ["elsewhere/main.ts", "", "no rule says what it may import"],
  ])("a wrong one is found: %s: %s", (file, text, to) => {
    expect(wrongArrows(new Map([[file, text]]))).toEqual([`${file} -> ${to}`]);
  });

  test.each([
    ["src/index.ts", 'import { ulid } from "ulid"; import "node:util"; export * from "./contract.js";'],
    [
      "src/typed/approvals/digest.ts",
      'import canonicalize from "canonicalize"; import "../cell.js"; import "../../errors.js";',
    ],
    ["drivers/index.ts", 'import { registerDriver } from "../src/registry.js"; import "./memory/index.js";'],
    ["drivers/sqlite/index.ts", 'import "../migrations.js"; import { decide } from "../../src/decide.js";'],
    ["conformance/cases/save.ts", 'import { isStateError } from "../../src/index.js"; import "../case.js";'],
    ["examples/quickstart/main.ts", 'import "groundstate/drivers"; import { openStore } from "groundstate";'],
  ])("a right one is not: %s: %s", (file, text) => {
    expect(wrongArrows(new Map([[file, text]]))).toEqual([]);
  });
});
