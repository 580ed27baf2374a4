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

  test("what they are made from passes the same cases", { timeout: 120_000 }, async () => {
    const { harness, modulePath } = fileReference;
    const only = overProcesses.map(({ breaks }) => breaks);
    const { results } = await runConformance(harness, { only, modulePath: modulePath as string });
    assert.deepEqual(
      results.map(({ id, outcome, error }) => ({ id, outcome, error })),
      only.map((id) => ({ id, outcome: "passed", error: undefined })),
    );
  });
});
