import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as installed from "groundstate";
import { expect, onTestFinished, test } from "vitest";
import * as sources from "../src/index.js";
import { isBuilt, noteBuild } from "../tools/built-from.mjs";

test("tests that import the sources get what was built, until a source changes", () => {
  expect(sources.StateError === installed.StateError).toBe(isBuilt());
});

test.each<[string, (root: string) => void]>([
  ["is changed", (root) => writeFileSync(join(root, "src/a.ts"), "export const a = 2;")],
  ["is new", (root) => writeFileSync(join(root, "drivers/b.ts"), "")],
  ["is gone", (root) => rmSync(join(root, "src/a.ts"))],
])("a build is out of date when a source %s, and in date once that was built", (_, change) => {
  const root = mkdtempSync(join(tmpdir(), "on-the-build-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const folder of ["dist", "src", "drivers", "conformance", "examples"]) mkdirSync(join(root, folder));
  writeFileSync(join(root, "src/a.ts"), "export const a = 1;");
  expect(isBuilt(root)).toBe(false);
  noteBuild(root);
  expect(isBuilt(root)).toBe(true);
  change(root);
  expect(isBuilt(root)).toBe(false);
  noteBuild(root);
  expect(isBuilt(root)).toBe(true);
});
