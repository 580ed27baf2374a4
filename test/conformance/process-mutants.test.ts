import assert from "node:assert/strict";
import { describe, test } from "vitest";
import { built } from "./built.js";

const { fileReference, mutants, runConformance } = built;
const overProcesses = mutants.filter(({ modulePath }) => modulePath !== undefined);

describe("mutants that only another process shows", () => {
  test.each(overProcesses)(
    "$id is caught by $breaks",
    { timeout: 120_000 },
    async ({ breaks, harness, modulePath }) => {
      const { results } = await runConformance(harness, { only: breaks, modulePath: modulePath as string });
      assert.equal(results[0]?.outcome, "failed", `${breaks} must fail on ${harness.name}`);
      assert.match(results[0]?.error?.stack ?? "", /AssertionError/, "and by its own check");
    },
  );

  test.each(overProcesses)(
    "what they are made from passes $breaks",
    { timeout: 120_000 },
    async ({ breaks }) => {
      const { harness, modulePath } = fileReference;
      const { results } = await runConformance(harness, { only: breaks, modulePath: modulePath as string });
      assert.equal(results[0]?.outcome, "passed", results[0]?.error?.stack);
    },
  );

  test("there are some", () => {
    assert.ok(overProcesses.length >= 5);
  });
});
