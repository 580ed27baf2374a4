import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { typeFaults } from "./checked.js";
import { commentPages, commentsOf } from "./comments.js";
import { ROOT } from "./pages.js";
import { samplesOf } from "./samples.js";

// Inside the package, so that its own name leads to what was built.
mkdirSync(join(ROOT, "dist"), { recursive: true });
const folder = mkdtempSync(join(ROOT, "dist", "comments-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the examples of the doc comments have their types right", () => {
  const samples = commentPages().flatMap((page) => samplesOf(page));
  expect(samples.length).toBeGreaterThan(15);
  const paths = samples.map(({ page, line, code }) => {
    const path = join(folder, `${page.replaceAll("/", "-")}-${line}.ts`);
    writeFileSync(path, code);
    return { path, place: `${page}:${line}` };
  });
  const faults = typeFaults(paths.map(({ path }) => path));
  expect(
    paths.flatMap(({ path, place }) => (faults.get(path) ?? []).map((each) => `${place}: ${each}`)),
  ).toEqual([]);
}, 60_000);

test("a comment keeps its lines, and what is no comment is left out", () => {
  const source =
    "x;\n/** One. */\ny; /* no */\n/**\n * ```ts\n *   two;\n * ```\n */\n  /** a\n   * b */\nz;";
  expect(commentsOf(source)).toBe("\nOne.\n\n\n```ts\n  two;\n```\n\na\nb\n");
});
