import { describe, expect, test } from "vitest";
import type { Harness, HistoryOptions } from "../../conformance/index.js";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore } from "../../src/index.js";
import { createMigratedDatabase } from "../postgres/database.js";
import { isSoak, soak } from "../soak.js";
import { built } from "./built.js";
import { CASE_MS } from "./case-limit.js";

/** So many histories go faster over what was built. */
const { exclusiveReference, fileReference, mutants, randomHistories, referenceHarness, runConformance } =
  built;

const memory: Harness = {
  name: "memory",
  open: async (_, options) => createStore(await openMemory(), options),
};

async function passes(harness: Harness, options: HistoryOptions) {
  const report = await randomHistories(harness, { timeoutMs: CASE_MS, ...options });
  expect(report.text).toBeUndefined();
  return report;
}

describe("random histories", () => {
  test("are of the kinds that the harness can be asked for", { timeout: CASE_MS }, async () => {
    const report = await passes(memory, { seeds: soak(4), seed: 7 });
    expect(report).toEqual({ seed: 7, histories: { "one-store": soak(4), overlapping: soak(4) } });
    const locked = { seeds: 1, modulePath: exclusiveReference.modulePath as string };
    const { histories } = await passes(exclusiveReference.harness, locked);
    expect(Object.keys(histories)).toEqual(["one-store", "stores", "overlapping"]);
  });

  test("pass on SQLite", { timeout: 20 * CASE_MS }, async () => {
    const { default: sqlite, removeFolder } = await import("./sqlite-harness.mjs");
    await passes(sqlite, { seeds: soak(3), ...inProcessesToo("./sqlite-harness.mjs") });
    removeFolder();
  });

  test("pass on Postgres", { timeout: 20 * CASE_MS }, async () => {
    const database = await createMigratedDatabase();
    process.env.GROUNDSTATE_HARNESS_POSTGRES = database.url;
    const { default: postgres, removeSpaces } = await import("./postgres-harness.mjs");
    await passes(postgres, { seeds: soak(2), ...inProcessesToo("./postgres-harness.mjs") });
    await removeSpaces();
    await database.drop();
  });

  test("pass over files, in processes that are killed", { timeout: CASE_MS }, async () => {
    const { harness, modulePath = "" } = fileReference;
    const { histories } = await passes(harness, {
      seeds: soak(1),
      modulePath,
      kinds: ["processes"],
      processes: 2,
    });
    expect(histories.processes).toBeGreaterThan(0);
  });
});

/** Processes take half a second each: the soak starts them. */
function inProcessesToo(module: string): HistoryOptions {
  return isSoak ? { modulePath: new URL(module, import.meta.url).href } : {};
}

/** One of each kind of what may be wrong: names, orders, commits, restarts, and what only calls at once show. */
const FOUND = [
  "matches-prefixes-like-sql",
  "erases-a-users-sessions",
  "commits-for-one-session",
  "drops-writes-at-close",
  "loses-events-when-reopened",
  "keeps-others-out-of-one-store-only",
];

/** Those that need no other process and no data of others. */
const inProcess = mutants.filter(({ modulePath, beside }) => modulePath === undefined && !beside);

function mutantOf(id: string): Harness {
  return (inProcess.find((mutant) => mutant.id === id) as (typeof inProcess)[0]).harness;
}

describe("what is wrong is found", () => {
  test.each(FOUND)("of %s", async (id) => {
    const { failure, text = "" } = await randomHistories(mutantOf(id), { seeds: 100, seed: 1 });
    expect(failure).toBeDefined();
    expect(failure?.calls.length).toBeLessThan(6);
    expect(text).toMatch(/^the history of seed \d+ fails, \d+ of \d+ calls\nto repeat it: /);
  });

  test("and told in plain names, unless these are the cause", async () => {
    const callsOf = async (id: string) => {
      const { failure } = await randomHistories(mutantOf(id), { seeds: 200, seed: 1, kinds: ["one-store"] });
      return failure?.calls.join("\n");
    };
    expect(await callsOf("skips-checks")).toContain(" tenant/user/session");
    expect(await callsOf("makes-reserved-names-of-look-alikes")).toContain(' tenant/user/"\\uff5e"');
  });

  test.runIf(isSoak)(
    "of two in five mutants, with 20 seeds",
    { timeout: 20 * CASE_MS },
    async ({ annotate }) => {
      const found: string[] = [];
      for (const { id, harness } of inProcess) {
        const { failure } = await randomHistories(harness, { seeds: 20, seed: 1, timeoutMs: 5_000 });
        if (failure) found.push(id);
      }
      await annotate(`${found.length} of ${inProcess.length}`);
      expect(found.length).toBeGreaterThan(inProcess.length * 0.35);
    },
  );

  test("and found again, as short as before, with the seed alone", async () => {
    const { harness } = inProcess.find(
      ({ id }) => id === "matches-prefixes-like-sql",
    ) as (typeof inProcess)[0];
    const first = await randomHistories(harness, { seeds: 100, seed: 1, kinds: ["one-store"] });
    const seed = first.failure?.seed as number;
    const again = await randomHistories(harness, { seed });
    expect(again.histories).toEqual({ "one-store": 1 });
    expect(again.failure).toEqual(first.failure);
    expect(again.failure?.isRepeatable).toBe(true);
  });

  test("of a store that hangs, or fails by what is no StateError", async () => {
    const broken = (find: () => Promise<undefined>): Harness => ({
      name: "broken",
      open: async (space, options) => Object.assign(await referenceHarness.open(space, options), { find }),
    });
    const wanted = { seeds: 5, seed: 1, timeoutMs: 300 } as const;
    const hangs = await randomHistories(
      broken(() => new Promise(() => {})),
      { ...wanted, kinds: ["overlapping"] },
    );
    expect(hangs.text).toContain("it failed: the history did not end within 300 ms");
    const throws = await randomHistories(
      broken(() => Promise.reject(new TypeError("no find"))),
      wanted,
    );
    expect(throws.text).toContain("answered: an error, no find");
    expect(throws.failure?.calls.length).toBeLessThan(3);
  });
});

test("run behind the cases they stand in the report, with the seed", { timeout: CASE_MS }, async () => {
  const harness = mutantOf("matches-prefixes-like-sql");
  const only = ["save/version", "histories/one-store", "histories/processes"];
  const report = await runConformance(harness, { only, seeds: 100, seed: 1 });
  expect(report.results.map(({ id, outcome }) => [id, outcome])).toEqual([
    ["save/version", "passed"],
    ["histories/one-store", "failed"],
    ["histories/processes", "skipped"],
  ]);
  expect(report.results[1]?.error?.message).toContain('only: "histories/one-store", seed: ');
  expect(report.notes).toContain("the random histories begin with --seed 1");
});

test("minutes end them", { timeout: CASE_MS }, async () => {
  const { histories } = await passes(memory, { minutes: 0.002, kinds: ["one-store"] });
  expect(histories["one-store"]).toBeGreaterThan(0);
});

test.each<[HistoryOptions, string]>([
  [{ seeds: 0 }, "seeds"],
  [{ seed: -1 }, "seed"],
  [{ seed: 2 ** 32 }, "seed"],
  [{ minutes: 0 }, "minutes"],
  [{ minutes: "1" as never }, "minutes"],
  [{ operations: 1 }, "operations"],
  [{ stores: 1 }, "stores"],
  [{ processes: 17 }, "processes"],
  [{ restarts: 1 as never }, "restarts"],
  [{ kinds: [] }, "kinds"],
  [{ kinds: ["stores"] }, "kinds"],
  [{ kinds: ["nonsense" as never] }, "kinds"],
  [{ seedz: 1 } as never, "options"],
])("options that mean nothing are refused: %j", async (options, field) => {
  await expect(randomHistories(memory, options)).rejects.toMatchObject({
    code: "INVALID_RECORD",
    details: { field },
  });
});
