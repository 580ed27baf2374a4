import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { isSoak } from "../soak.js";
import { brokenDriver, built } from "./built.js";
import { CASE_MS } from "./case-limit.js";
import { sharedCases } from "./shared-cases.js";

/** So many runs go faster over what was built. */
const { cases, mutants, runConformance, typedCases, typedMutants } = built;

/** Those that need processes are caught in process-mutants.test.ts, those that need another's data in beside.test.ts. */
const inProcess = mutants.filter(({ modulePath, beside }) => modulePath === undefined && !beside);

const suites = [
  { name: "mutants", typed: false, cases, all: mutants, inProcess },
  {
    name: "mutants of the typed layer",
    typed: true,
    cases: typedCases,
    all: typedMutants,
    inProcess: typedMutants,
  },
];

// Most of their time they wait for a window to pass: side by side.
describe.concurrent.each(suites)("$name", ({ typed, cases, all, inProcess }) => {
  test.each(inProcess)("$id is caught by $breaks", { timeout: 2 * CASE_MS }, async ({ breaks, harness }) => {
    const options = { only: breaks, typed, concurrency: 1, timeoutMs: CASE_MS };
    const { results } = await runConformance(harness, options);
    const result = results.find(({ id }) => id === breaks);
    assert.equal(result?.outcome, "failed", `${breaks} must fail on ${harness.name}`);
    assert.doesNotMatch(
      result.error?.message ?? "",
      /did not end within|is not a function|does not pass its checks/,
      "and by its own check",
    );
  });

  // The reference passes them in reference.test.ts; in a short run mutants of beside.test.ts pass those without neighbours.
  test("a mutant with nothing broken passes the same cases", { timeout: 240_000 }, async () => {
    const { harness } = brokenDriver("sound", "", (base) => base);
    const isRun = (id: string) => isSoak || typed || cases.find((each) => each.id === id)?.bringsNeighbours;
    const only = inProcess.map(({ breaks }) => breaks).filter(isRun);
    const { results } = await runConformance(harness, { only, typed, timeoutMs: CASE_MS });
    assert.deepEqual(
      results.filter(({ outcome }) => outcome === "failed"),
      [],
    );
  });

  test("every case has a mutant of its own", () => {
    const broken = new Set(all.map(({ breaks }) => breaks));
    assert.deepEqual(
      cases.filter(({ id }) => !broken.has(id)).map(({ id }) => id),
      [],
    );
  });

  test("ids are unique, and every mutant breaks a case there is", () => {
    const ids = new Set(cases.map(({ id }) => id));
    assert.equal(ids.size, cases.length, "case ids");
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length, "mutant ids");
    for (const { id, breaks } of all) assert.ok(ids.has(breaks), `${id} breaks ${breaks}, which is no case`);
  });
});

/** How many cases share all their mutants with others: which of them are quick differs between machines. */
const MOST_SHARED = 80;

test.runIf(isSoak)("most cases have a mutant that they alone catch", { timeout: 3_600_000 }, async () => {
  const shared = await sharedCases();
  assert.ok(shared.length <= MOST_SHARED, `${shared.length} share all of theirs: ${shared.join(", ")}`);
});
