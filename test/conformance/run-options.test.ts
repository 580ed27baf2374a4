import { describe, expect, test } from "vitest";
import {
  cases,
  conformanceNodeTests,
  conformanceTests,
  type Harness,
  type RunOptions,
  referenceHarness,
  runConformance,
} from "../../conformance/index.js";

/** Each runs nothing if it took them: they are told apart from what runs by being refused before. */
const runners: Record<string, (harness: Harness, options: RunOptions) => Promise<unknown>> = {
  runConformance,
  conformanceTests: async (harness, options) => {
    const test = Object.assign(() => {}, { skip: () => {}, concurrent: () => {} });
    conformanceTests({ describe: (_, body) => body(), test }, harness, options);
  },
  conformanceNodeTests: async (harness, options) => {
    conformanceNodeTests({ describe: (_, __, body) => body(), test: () => {} }, harness, options);
  },
};

const WRONG_OPTIONS: readonly { given: object; field: string }[] = [
  { given: { onyl: "save/" }, field: "options" },
  { given: { beside: "yes" }, field: "beside" },
  { given: { beside: 1 }, field: "beside" },
  { given: { typed: "yes" }, field: "typed" },
  { given: { typed: true, only: "save/" }, field: "only" },
  { given: { bail: "no" }, field: "bail" },
  { given: { modulePath: new URL("file:///driver.mjs") }, field: "modulePath" },
  ...[0, -1, 1.5, Number.NaN, "4", null].map((concurrency) => ({
    given: { concurrency },
    field: "concurrency",
  })),
  ...[0, -1, 0.5, Number.POSITIVE_INFINITY, 2 ** 31, "200"].map((timeoutMs) => ({
    given: { timeoutMs },
    field: "timeoutMs",
  })),
  ...[5, null, {}, [], "nonsense", [5], ["save/", "nonsense"]].map((only) => ({
    given: { only },
    field: "only",
  })),
];

const { open } = referenceHarness;
const WRONG_HARNESSES: readonly { given: object; field: string }[] = [
  { given: { name: "x", open, durabel: true }, field: "harness" },
  { given: { open }, field: "name" },
  { given: { name: "x", open, durable: "yes" }, field: "durable" },
  { given: { name: "x", open, exclusive: 1 }, field: "exclusive" },
];

describe.each(Object.entries(runners))("%s", (_, run) => {
  test.each(WRONG_OPTIONS)("refuses the options $given", async ({ given, field }) => {
    await expect(run(referenceHarness, given)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
  });

  test.each(WRONG_HARNESSES)("refuses the harness $given", async ({ given, field }) => {
    await expect(run(given as Harness, { only: "save/version" })).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
  });

  test("refuses what should be a function and is none", async () => {
    const only = "save/version";
    await expect(run({ name: "x" } as unknown as Harness, { only })).rejects.toThrow(TypeError);
    const destroy = true as unknown as () => Promise<void>;
    await expect(run({ ...referenceHarness, destroy }, { only })).rejects.toThrow(TypeError);
    const onResult = "print" as unknown as () => void;
    await expect(run(referenceHarness, { only, onResult })).rejects.toThrow(TypeError);
  });
});

test("what is run and what the report says of it are the same", async () => {
  const ids = cases.map(({ id }) => id).filter((id) => id.startsWith("save/") || id.startsWith("delete/"));
  for (const [beside, mode] of [
    [true, "beside"],
    [false, "plain"],
  ] as const) {
    const report = await runConformance(referenceHarness, {
      beside,
      only: ["delete/", "save/", "save/version"],
    });
    expect(report.mode).toBe(mode);
    expect(
      report.results.map(({ id }) => id),
      "each case once, in the order of the suite",
    ).toEqual(ids);
  }
});
