import { describe, expect, test } from "vitest";
import {
  type CaseResult,
  conformanceTests,
  type Harness,
  HarnessError,
  ReferenceDriver,
  referenceHarness,
  runConformance,
} from "../../conformance/index.js";
import { createStore } from "../../src/index.js";

const FAULT = new TypeError("rows is not iterable");

class FailsToRead extends ReferenceDriver {
  override async read(): Promise<never> {
    throw FAULT;
  }
}

const failsToRead: Harness = {
  name: "fails to read",
  open: async (_, options) => createStore(new FailsToRead(), options),
};

describe("a run", () => {
  test("tells of each case when it ends", async () => {
    const told: CaseResult[] = [];
    const { results } = await runConformance(referenceHarness, {
      only: ["save/", "close/"],
      onResult: (result) => told.push(result),
    });
    expect(told).toHaveLength(results.length);
    expect(new Set(told)).toEqual(new Set(results));
  });

  test("stops after the first failure when told to", async () => {
    const { results, failed, notRun } = await runConformance(failsToRead, {
      only: "save/",
      bail: true,
      concurrency: 1,
    });
    expect(failed).toBe(1);
    expect(results.at(-1)?.outcome).toBe("failed");
    expect(notRun).toBeGreaterThan(0);
  });

  test("holds the cause of what the store threw", async () => {
    const { results } = await runConformance(failsToRead, { only: "save/version" });
    expect(results[0]?.error).toMatchObject({
      message: expect.stringContaining("the driver failed to read"),
      cause: { message: "TypeError: rows is not iterable", stack: expect.stringContaining("run.test.ts") },
    });
  });

  test("says why a case failed rather than that its store could not be closed either", async () => {
    class FailsAltogether extends FailsToRead {
      override async close(): Promise<never> {
        throw new Error("and close failed");
      }
    }
    const harness: Harness = {
      name: "fails altogether",
      open: async (_, options) => createStore(new FailsAltogether(), options),
    };
    const { results } = await runConformance(harness, { only: "save/version" });
    expect(results[0]?.error?.message).toContain("the driver failed to read");
  });

  test.each([
    { is: "rejects", open: () => Promise.reject(FAULT) },
    { is: "resolves with no store", open: async () => undefined },
    { is: "never answers", open: () => new Promise(() => {}) },
  ])("runs no case when open $is", async ({ open }) => {
    const told: CaseResult[] = [];
    const harness = { name: "closed", open: open as Harness["open"] };
    const run = runConformance(harness, { timeoutMs: 50, onResult: (result) => told.push(result) });
    await expect(run).rejects.toThrow(HarnessError);
    expect(told).toEqual([]);
  });

  test("says that spaces pile up, once, and fails nothing for it", async () => {
    const { destroy: _, ...without } = referenceHarness;
    const { notes, failed } = await runConformance(without, { only: "save/" });
    expect(notes).toEqual([expect.stringContaining("no destroy")]);
    expect(failed).toBe(0);
    expect((await runConformance(referenceHarness, { only: "save/" })).notes).toEqual([]);
  });
});

test("a test runner gets the error as it was thrown, with its cause", async () => {
  const bodies: (() => Promise<void>)[] = [];
  const collect = (_: string, body: () => Promise<void>) => bodies.push(body);
  const runner = {
    describe: (_: string, body: () => void) => body(),
    test: Object.assign(collect, { skip: collect, concurrent: collect }),
  };
  conformanceTests(runner, failsToRead, { only: ["save/version", "save/nothing-there"] });
  const errors = await Promise.all(bodies.map((body) => body().catch((error: unknown) => error)));
  const innermost = errors.map((error) => {
    let each = error as Error;
    while (each.cause instanceof Error) each = each.cause;
    return each;
  });
  expect(innermost).toEqual([FAULT, FAULT]);
  expect(innermost[0]).toBe(FAULT);
});
