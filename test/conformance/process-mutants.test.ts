import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { isSoak, sampleOf } from "../soak.js";
import { built } from "./built.js";

const { exclusiveReference, fileReference, mutants, runConformance } = built;
const overProcesses = mutants.filter(({ modulePath }) => modulePath !== undefined);

describe("mutants that only another process shows", () => {
  test.each(sampleOf(overProcesses, 6))(
    "$id is caught by $breaks",
    { timeout: 120_000 },
    async ({ breaks, harness, modulePath }) => {
      const { results } = await runConformance(harness, { only: breaks, modulePath: modulePath as string });
      assert.equal(results[0]?.outcome, "failed", `${breaks} must fail on ${harness.name}`);
      const { stack = "", message } = results[0]?.error ?? {};
      const isOwn = harness.exclusive
        ? /has this space open/.test(message ?? "")
        : /AssertionError/.test(stack);
      assert.ok(isOwn, `and by its own check: ${stack}`);
    },
  );

  // The databases pass all of them.
  test.each([...new Set(overProcesses.map(({ breaks }) => breaks))].slice(0, isSoak ? undefined : 1))(
    "what they are made from passes %s",
    { timeout: 120_000 },
    async (only) => {
      const { harness, modulePath } = fileReference;
      const { results } = await runConformance(harness, { only, modulePath: modulePath as string });
      assert.equal(results[0]?.outcome, "passed", results[0]?.error?.stack);
    },
  );

  test("there are some", () => {
    assert.ok(overProcesses.length >= 6);
  });
});

describe("a space that one process at a time can have open", () => {
  const modulePath = exclusiveReference.modulePath as string;

  test("kills are survived, also beside another's data, and sharing is skipped with its reason", {
    timeout: 120_000,
  }, async () => {
    const only = ["processes/", "close/only-itself", ...(isSoak ? ["durability/"] : [])];
    const { results } = await runConformance(exclusiveReference.harness, { only, modulePath, beside: true });
    const skipped = results.filter(({ outcome }) => outcome === "skipped");
    assert.deepEqual(
      skipped.map(({ id, reason }) => [id, reason]),
      ["retry-elsewhere", "compare-and-swap", "erase-beside-commits", "conditions-hold"].map((name) => [
        `processes/${name}`,
        "a space can be open in one process at a time",
      ]),
    );
    const rest = results.filter((result) => !skipped.includes(result));
    assert.ok(rest.some(({ id }) => id === "processes/kill"));
    for (const { id, outcome, error } of rest) assert.equal(outcome, "passed", `${id}: ${error?.stack}`);
  });

  test("one that does not say so fails, for another process cannot open it", {
    timeout: 120_000,
  }, async () => {
    const { exclusive: _, ...silent } = exclusiveReference.harness;
    const only = "processes/retry-elsewhere";
    const { results } = await runConformance(silent, { only, modulePath });
    assert.match(results[0]?.error?.message ?? "", /another process has this space open/);
  });
});
