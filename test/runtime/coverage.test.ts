import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import { openRuntime } from "../../src/runtime/index.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGE = readFileSync(join(ROOT, "docs/coverage.md"), "utf8");
const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  exports: Record<string, { default: string }>;
};

const rows = PAGE.split("\n")
  .filter((line) => line.startsWith("| ") && line.includes("`test/"))
  .map((line) => line.split(" | ") as [string, string, string]);

const namesIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string);

test("there are rows", () => {
  expect(rows.length).toBeGreaterThan(30);
});

test.each(rows)("%s: the calls and the test exist", async (_, calls, tests) => {
  const [path = ""] = namesIn(tests);
  expect(existsSync(join(ROOT, path)), path).toBe(true);
  const [called = "", entry] = calls.split(" of `groundstate");
  const members = namesIn(called);
  expect(members.length).toBeGreaterThan(0);
  if (entry !== undefined) {
    const file = exports[`.${entry.replace("`", "")}`]?.default as string;
    const module = (await import(pathToFileURL(join(ROOT, file)).href)) as Record<string, unknown>;
    // The last is of that entry, and the others may be members of the runtime.
    const last = members.pop() as string;
    if (!(last in module)) throw new Error(`${entry} has no ${last}`);
  }
  const runtime = await openRuntime("memory:");
  onTestFinished(() => runtime.close());
  for (const name of members) {
    if (entry !== undefined && !name.includes(".")) continue;
    const found = name
      .split(".")
      .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], runtime);
    expect(typeof found, name).toBe("function");
  }
});
