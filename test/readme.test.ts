import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";
import { rulesTable } from "../conformance/index.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");
const run = promisify(execFile);

// Inside the package, so that its own name leads to it.
mkdirSync(join(root, "dist"), { recursive: true });
const folder = mkdtempSync(join(root, "dist", "readme-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the twenty lines do what they say", async () => {
  // They hold no types, and so are JavaScript as well.
  writeFileSync(join(folder, "example.mjs"), blockWith("ts", "another tenant sees nothing"));
  const { stdout } = await run(process.execPath, ["example.mjs"], { cwd: folder });
  expect(stdout).toBe("another tenant sees nothing\n");
});

test("the driver of the page on drivers has less than 100 lines, and passes", async () => {
  const driver = blockWith("js", "class MapDriver");
  expect(driver.trim().split("\n").length).toBeLessThan(100);
  writeFileSync(join(folder, "driver.mjs"), driver);
  const { stdout } = await run(process.execPath, [
    join(root, "dist/conformance/cli.js"),
    "conformance",
    join(folder, "driver.mjs"),
    "--json",
  ]);
  const report = JSON.parse(stdout) as { passed: number; failed: number };
  expect(report.failed).toBe(0);
  expect(report.passed).toBeGreaterThan(100);
}, 120_000);

test("the suite runs under node:test as shown", async () => {
  writeFileSync(join(folder, "driver.mjs"), blockWith("js", "class MapDriver"));
  writeFileSync(join(folder, "driver.test.mjs"), blockWith("js", "conformanceNodeTests"));
  const { stdout } = await run(process.execPath, ["--test", "--test-reporter=tap", "driver.test.mjs"], {
    cwd: folder,
    maxBuffer: 2 ** 24,
  });
  expect(stdout).toMatch(/^# pass [1-9]\d\d$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
}, 120_000);

test("the table of rules is the one the cases make", () => {
  const [, table] = /<!-- rules -->([\s\S]*?)<!-- \/rules -->/.exec(readme) ?? [];
  expect(table?.trim(), "put there what `npx groundstate conformance --rules` prints").toBe(
    rulesTable().trim(),
  );
});

function blockWith(language: string, text: string): string {
  const blocks = readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, "g"));
  for (const [, code] of blocks) if (code?.includes(text)) return code;
  throw new Error(`the README has no block of ${language} with: ${text}`);
}
