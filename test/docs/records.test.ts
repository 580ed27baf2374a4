import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contentsOf } from "../../tools/decisions-contents.mjs";
import { changelogFaults } from "./changelog.js";
import { ROOT } from "./pages.js";
import { missingTests } from "./reliability.js";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

test("the changelog keeps its form", () => {
  const { version } = JSON.parse(read("package.json")) as { version: string };
  expect(changelogFaults(read("CHANGELOG.md"), version)).toEqual([]);
});

test("the README installs the tarball of this version", () => {
  const { version } = JSON.parse(read("package.json")) as { version: string };
  expect(read("README.md").match(/groundstate-\d+\.\d+\.\d+\.tgz/g)).toEqual([`groundstate-${version}.tgz`]);
});

test.each([
  ["no Unreleased section", "# Changelog\n\n## 1.0.0 - 2026-01-01\n\n### Fixed\n\n- A.\n"],
  ["a heading of another form", "# Changelog\n\n## Unreleased\n\n## v1.0.0\n\n### Fixed\n\n- A.\n"],
  [
    "a version out of order",
    "# Changelog\n\n## Unreleased\n\n## 1.0.0 - 2026-01-01\n\n## 1.1.0 - 2026-01-01\n",
  ],
  ["a version without its date", "# Changelog\n\n## Unreleased\n\n## 1.0.0\n"],
  ["a group that nobody knows", "# Changelog\n\n## Unreleased\n\n### Misc\n\n- A.\n"],
  ["a group twice", "# Changelog\n\n## Unreleased\n\n### Fixed\n\n- A.\n\n### Fixed\n\n- B.\n"],
  ["text outside of a list", "# Changelog\n\n## Unreleased\n\n### Fixed\n\nSomething.\n"],
  ["the package's version missing", "# Changelog\n\n## Unreleased\n\n## 0.9.0 - 2026-01-01\n"],
])("and %s is found", (_, text) => {
  expect(changelogFaults(text, "1.1.0")).not.toEqual([]);
});

test("every decision is in the table of contents, by its title", () => {
  const text = read("DECISIONS.md");
  const { contents, faults } = contentsOf(text);
  expect(faults).toEqual([]);
  expect(text.includes(contents), "npm run decisions writes it").toBe(true);
});

test("and one that is in no table, in two, or nowhere is found", () => {
  const table = (numbers: readonly number[]) =>
    `<!-- contents -->\n${numbers.map((number) => `- [${number}]\n`).join("")}<!-- /contents -->\n\n## 1. A (2026-01-01)\n\n## 2. B (2026-01-01)\n`;
  expect(contentsOf(table([2, 1]))).toMatchObject({
    faults: [],
    contents: "<!-- contents -->\n- [2. B](#2-b-2026-01-01)\n- [1. A](#1-a-2026-01-01)\n<!-- /contents -->",
  });
  for (const numbers of [[1], [1, 2, 2], [1, 2, 3]])
    expect(contentsOf(table(numbers)).faults).toHaveLength(1);
});

test("every test that RELIABILITY cites is there", () => {
  const files = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
    .map((name) => `test/${name.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".ts") && !path.includes("/node_modules/"));
  const tests = new Map(files.map((path) => [path, read(path)]));
  expect(missingTests(read("RELIABILITY.md"), tests)).toEqual([]);
});

test("and a file or a name that is not is found", () => {
  const tests = new Map([["test/a/one.test.ts", 'test("holds what\n  it says", () => {});']]);
  const row = (cell: string) => `| fault | who | ${cell} |\n`;
  expect(missingTests(row('one.test.ts "holds ... it says"'), tests)).toEqual([]);
  expect(missingTests(row('test/a/one.test.ts "holds what it says"'), tests)).toEqual([]);
  expect(missingTests(row("test/b/one.test.ts"), tests)).toEqual(["test/b/one.test.ts"]);
  expect(missingTests(row('one.test.ts "holds all"'), tests)).toEqual(["holds all"]);
});
