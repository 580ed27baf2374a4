import { expect, test } from "vitest";
import { commentPages, commentsOf } from "./comments.js";
import { samplesOf } from "./samples.js";

test("the doc comments of the sources hold examples, which are checked beside those of the pages", () => {
  expect(commentPages().flatMap((page) => samplesOf(page)).length).toBeGreaterThan(25);
});

test("a comment keeps its lines, and what is no comment is left out", () => {
  const source =
    "x;\n/** One. */\ny; /* no */\n/**\n * ```ts\n *   two;\n * ```\n */\n  /** a\n   * b */\nz;";
  expect(commentsOf(source)).toBe("\nOne.\n\n\n```ts\n  two;\n```\n\na\nb\n");
});
