import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Report } from "../../conformance/index.js";
import { groundstate, project } from "./built.js";

const DRIVER = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  export default { name: "mine", open: async (space, options) => createStore(new ReferenceDriver(), options) };
`;
const FORGETFUL = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  class Forgetful extends ReferenceDriver {
    forgetContent(record) { this.space.events.delete(this.eventKey(record.tenant, record.eventId)); }
  }
  export default { name: "forgetful", open: async (space, options) => createStore(new Forgetful(), options) };
`;
const LINGERING = `
  import { createStore } from "groundstate";
  import { ReferenceDriver } from "groundstate/conformance";
  setInterval(() => {}, 1000);
  export default { name: "lingering", open: async (space, options) => createStore(new ReferenceDriver(), options) };
`;

let folder: string;

beforeAll(async () => {
  folder = await project({
    "driver.mjs": DRIVER,
    "forgetful.mjs": FORGETFUL,
    "lingering.mjs": LINGERING,
    "broken.mjs": "export default {",
    "other.mjs": "export default 7;",
  });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("groundstate conformance", () => {
  test("a driver that keeps every rule: a readable report and exit code 0", async () => {
    const { code, out } = await groundstate(folder, "conformance", "./driver.mjs");
    expect(out).toContain("Conformance of mine");
    expect(out).toMatch(/^erase$/m);
    expect(out).toMatch(/✓ late-retry-after-erase/);
    expect(out).toMatch(/– kill: skipped, the harness is not durable/);
    expect(out).toMatch(/\d+ passed, 0 failed, \d+ skipped/);
    expect(code).toBe(0);
  });

  test("one that breaks a rule: the rule, the reason and exit code 1", async () => {
    const { code, out } = await groundstate(
      folder,
      "conformance",
      "./forgetful.mjs",
      "--only",
      "after-erase",
    );
    expect(out).toMatch(/✗ late-retry-after-erase/);
    expect(out).toContain("rule: A late retry, after its session was erased, is a duplicate");
    expect(out).toContain("expected duplicate: true");
    expect(code).toBe(1);
  });

  test("--json: the same report for programs", async () => {
    const { code, out } = await groundstate(
      folder,
      "conformance",
      "forgetful.mjs",
      "--json",
      "--only",
      "after-erase",
    );
    const report = JSON.parse(out) as Report;
    expect(report).toMatchObject({ harness: "forgetful", passed: 0, failed: 1, skipped: 0 });
    expect(report.results).toEqual([
      {
        id: "idempotency/late-retry-after-erase",
        rule: expect.any(String),
        outcome: "failed",
        milliseconds: expect.any(Number),
        error: { message: expect.stringContaining("duplicate"), stack: expect.any(String) },
      },
    ]);
    expect(code).toBe(1);
  });

  test("--only may be given again", async () => {
    const { out } = await groundstate(
      folder,
      "conformance",
      "./driver.mjs",
      "--json",
      "--only",
      "save/v",
      "--only",
      "close/i",
    );
    expect((JSON.parse(out) as Report).results.map(({ id }) => id)).toEqual([
      "save/version",
      "close/idempotent",
    ]);
  });

  test("a driver that keeps the process alive is ended, and fails", async () => {
    const { code, out } = await groundstate(
      folder,
      "conformance",
      "./lingering.mjs",
      "--only",
      "save/version",
    );
    expect(out).toContain("1 passed");
    expect(out).toContain("keeps the process alive");
    expect(code).toBe(1);
  });

  test.each([
    { args: [], says: "no command given" },
    { args: ["conform"], says: "no command conform" },
    { args: ["conformance"], says: "give one module" },
    { args: ["conformance", "./nowhere.mjs"], says: "there is no module ./nowhere.mjs" },
    { args: ["conformance", "./broken.mjs"], says: "cannot be loaded" },
    { args: ["conformance", "./other.mjs"], says: "default export must be a harness" },
    { args: ["conformance", "./driver.mjs", "--only", "nothing-like-it"], says: "no case" },
    { args: ["conformance", "./driver.mjs", "--jsno"], says: "--jsno" },
  ])("$args: exit code 2, and what to put right", async ({ args, says }) => {
    const { code, out } = await groundstate(folder, ...args);
    expect(out).toContain(says);
    expect(out).toContain("groundstate --help");
    expect(code).toBe(2);
  });

  test("--help and --rules", async () => {
    const help = await groundstate(folder, "--help");
    expect(help).toMatchObject({ code: 0, out: expect.stringContaining("groundstate conformance <module>") });
    const rules = await groundstate(folder, "conformance", "--rules");
    expect(rules).toMatchObject({ code: 0, out: expect.stringContaining("| `processes/kill` |") });
  });
});
