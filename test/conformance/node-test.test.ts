import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { node } from "../package/installed.js";
import { isSoak } from "../soak.js";
import { project } from "./built.js";

const SUITE = `
  import { after, describe, test } from "node:test";
  import { conformanceNodeTests, mutants, referenceHarness } from "groundstate/conformance";
  const mutant = mutants.find(({ id }) => id === process.env.MUTANT);
  const harness = mutant?.harness ?? referenceHarness;
  const { ONLY, BESIDE } = process.env;
  conformanceNodeTests({ after, describe, test }, harness, { only: ONLY?.split(","), beside: BESIDE === "yes" });
`;

const WITHOUT_AFTER = `
  import { describe, test } from "node:test";
  import { createStore } from "groundstate";
  import { conformanceNodeTests, ReferenceDriver, referenceHarness } from "groundstate/conformance";
  class Faulty extends ReferenceDriver { async read() { throw new TypeError("no such column"); } }
  const faulty = { name: "faulty", open: async (space, options) => createStore(new Faulty(), options) };
  conformanceNodeTests({ describe, test }, referenceHarness, { only: "save/" });
  conformanceNodeTests({ describe, test }, faulty, { only: "save/version" });
`;

let folder: string;

beforeAll(async () => {
  folder = await project({ "suite.mjs": SUITE, "without-after.mjs": WITHOUT_AFTER });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** All of the suite runs under node:test in docs/writing-a-driver.test.ts, and here in the soak. */
const SAMPLE = "save/,errors/,close/,processes/";

test("node:test runs the suite, and says why it skips", async () => {
  const { code, out } = await runWith(isSoak ? {} : { ONLY: SAMPLE });
  expect(out).toContain("ok 1 - conformance of the reference");
  expect(out).toMatch(/# SKIP other processes need the harness's module path/);
  expect(out).toMatch(/^# fail 0$/m);
  expect(code).toBe(0);
});

test("node:test fails on a broken store", async () => {
  const { code, out } = await runWith({ MUTANT: "joins-keys", ONLY: "isolation/joined-names" });
  expect(out).toMatch(/# fail [12]/);
  expect(code).toBe(1);
});

test("node:test runs the suite beside another's data", async () => {
  const erasing = { MUTANT: "erases-by-joined-prefix", ONLY: "erase/" };
  // That it passes alone is also shown in beside.test.ts.
  if (isSoak) expect(await runWith(erasing)).toMatchObject({ code: 0 });
  const { code, out } = await runWith({ ...erasing, BESIDE: "yes" });
  expect(out).toContain("conformance of erases-by-joined-prefix, beside another's data");
  expect(out).toMatch(/not ok \d+ - erase\/whole-session/);
  expect(code).toBe(1);
});

test("node:test without after: the cases run, and an error is shown with its cause", async () => {
  const { code, out } = await node(["--test-reporter=spec", "without-after.mjs"], folder);
  expect(out).toContain("▶ conformance of the reference");
  expect(out).toMatch(/✔ save\/version/);
  expect(out).toMatch(/✖ save\/version/);
  expect(out).toMatch(/cause.*TypeError: no such column/);
  expect(code).toBe(1);
});

function runWith(env: Record<string, string>) {
  const set = Object.entries(env).map(([name, value]) => `process.env.${name} = ${JSON.stringify(value)};`);
  const preload = `data:text/javascript,${set.join("")}`;
  return node(["--test-reporter=tap", "--import", preload, "suite.mjs"], folder);
}
