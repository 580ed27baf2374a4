import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { rulesTable } from "../../conformance/index.js";
import { SOME_CASES } from "../conformance/some-cases.js";
import { isSoak } from "../soak.js";
import { ROOT } from "./pages.js";
import { samplesOf } from "./samples.js";

const run = promisify(execFile);
const path = "docs/writing-a-driver.md";
const text = readFileSync(join(ROOT, path), "utf8");

// Inside the package, so that its own name leads to it.
mkdirSync(join(ROOT, "dist"), { recursive: true });
const folder = mkdtempSync(join(ROOT, "dist", "driver-page-"));
writeFileSync(join(folder, "driver.mjs"), sampleWith("class MapDriver"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a short run asks of the driver of the page under node:test. */
const SOME = ["save/", "list/", "conditions/", "idempotency/", "window/"];

test("the driver of the page has less than 110 lines, and passes, also beside another's data", async () => {
  expect(sampleWith("class MapDriver").trim().split("\n").length).toBeLessThan(110);
  const { stdout } = await run(process.execPath, [
    join(ROOT, "dist/conformance/cli.js"),
    "conformance",
    join(folder, "driver.mjs"),
    "--beside",
    "--json",
    "--timeout",
    "60000",
    ...(SOME_CASES.only ?? []).flatMap((text) => ["--only", text]),
  ]);
  const report = JSON.parse(stdout) as { passed: number; failed: number };
  expect(report.failed).toBe(0);
  expect(report.passed).toBeGreaterThan(20);
}, 120_000);

test("the suite runs under node:test as shown", async () => {
  const sample = sampleWith("conformanceNodeTests");
  const [shown, option] = ["harness, { modulePath", `only: ${JSON.stringify(SOME)}, `];
  expect(sample).toContain(shown);
  writeFileSync(
    join(folder, "driver.test.mjs"),
    isSoak ? sample : sample.replace(shown, shown.replace("{ ", `{ ${option}`)),
  );
  const { stdout } = await run(process.execPath, ["--test", "--test-reporter=tap", "driver.test.mjs"], {
    cwd: folder,
    maxBuffer: 2 ** 24,
  });
  expect(stdout).toMatch(isSoak ? /^# pass [1-9]\d\d$/m : /^# pass [1-9]\d$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
}, 120_000);

test("the table of rules is the one the cases make", () => {
  const [, table] = /<!-- rules -->([\s\S]*?)<!-- \/rules -->/.exec(text) ?? [];
  expect(table?.trim(), "npm run rules writes it").toBe(rulesTable().trim());
});

function sampleWith(part: string): string {
  const sample = samplesOf({ path, text }).find(({ code }) => code.includes(part));
  if (sample === undefined) throw new Error(`${path} has no sample with: ${part}`);
  return sample.code;
}
