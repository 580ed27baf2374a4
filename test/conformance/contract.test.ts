import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cases, contractSentences, contractTable, mutants } from "../../conformance/index.js";
import { ROOT } from "../docs/pages.js";
import { publicSentences, sentencesIn } from "./doc-sentences.js";

/** What holds the contract of a store. */
const SOURCES = [
  ...["store", "error-details", "errors", "limits", "driver"].map((name) => `src/contract/${name}.ts`),
  ...["identity/identity", "identity/scope", "store/scan-kind", "store/sweep"].map(
    (name) => `src/${name}.ts`,
  ),
];

const parts = Object.values(contractSentences);
const shown = parts.flatMap((part) => Object.values(part).flatMap((each) => Object.values(each)));
const named = new Set(shown.flatMap((each) => (typeof each === "string" ? [] : each)));

test("every sentence of the contract is listed, as it stands there, with its cases or why it has none", () => {
  const listed = parts.flatMap((part) =>
    Object.entries(part).map(([owner, each]) => [owner, Object.keys(each)] as const),
  );
  expect(new Map(listed).size, "each declaration is listed once").toBe(listed.length);
  const said = SOURCES.flatMap((path) => [...publicSentences(path)]);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(said));
  expect(said.length).toBeGreaterThan(250);
  for (const each of shown) expect(each.length).toBeGreaterThan(0);
});

test("every case shows a sentence, and what shows one is a case that a mutant proves", () => {
  const ids = cases.map(({ id }) => id);
  const proven = new Set(mutants.map(({ breaks }) => breaks));
  expect(ids.filter((id) => !named.has(id))).toEqual([]);
  expect([...named].filter((id) => !ids.includes(id) || !proven.has(id))).toEqual([]);
});

test("what the package keeps over every driver names a test that there is", () => {
  const kept = shown.flatMap((each) =>
    typeof each === "string" && each.startsWith("kept over") ? [each] : [],
  );
  expect(kept.length).toBeGreaterThan(30);
  for (const each of kept) {
    const [, path, title] = /`(test\/.+\.test\.ts)` shows: "(.+)"$/s.exec(each) ?? [];
    const source = readFileSync(join(ROOT, String(path)), "utf8");
    expect(source.includes(`"${title}"`), each).toBe(true);
  }
});

test("the page has the tables that the sentences make", () => {
  const page = readFileSync(join(ROOT, "docs/contract.md"), "utf8");
  const [, tables] = /<!-- rules -->([\s\S]*?)<!-- \/rules -->/.exec(page) ?? [];
  expect(tables?.trim() === contractTable(), "npm run rules writes it").toBe(true);
});

test("sentences are found wherever a doc comment stands, and those of examples and of what is internal are not", () => {
  const source = [
    "/** One. `two` is one. Not e.g. three.\n *\n * - A point\n *   of a list. ANOTHER.\n *\n * @example\n * No. */",
    "export interface A {\n  /** Of `b`: x. */\n  readonly b: { /** Inside. */ c: 1 };\n  /** @internal */\n  d: 1;\n}",
    'export type B =\n  | { op: "x" }\n  /** Of a part. */\n  | { op: "y" };',
    "/** Hidden. */\nconst c = 1;\n/** Of all. */\nexport const D = f({\n  /** One part. */\n  e: 1,\n});",
  ].join("\n");
  expect(Object.fromEntries(sentencesIn(source))).toEqual({
    A: ["One.", "`two` is one.", "Not e.g. three.", "A point of a list.", "ANOTHER."],
    "A.b": ["Of `b`: x."],
    "A.b.c": ["Inside."],
    B: ["Of a part."],
    D: ["Of all."],
    "D.e": ["One part."],
  });
});
