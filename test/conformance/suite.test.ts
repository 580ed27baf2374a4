import { expect, test } from "vitest";
import {
  cases,
  formatReport,
  mutants,
  type Report,
  rulesTable,
  typedCases,
} from "../../conformance/index.js";

test("a case is a concern, a name and a rule that stands alone", () => {
  const all = [...cases, ...typedCases];
  for (const { id, rule } of all) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*\/[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(rule, id).toMatch(/^[A-Za-z%].*\.$/);
    expect(rule.length, id).toBeLessThan(140);
  }
  expect(new Set(all.map(({ rule }) => rule)).size).toBe(all.length);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
});

test("there are enough of them", () => {
  expect(cases.length).toBeGreaterThanOrEqual(177);
  expect(mutants.length).toBeGreaterThanOrEqual(380);
});

test("every rule has a row in the table", () => {
  expect(rulesTable({ typed: true }).split("\n")).toHaveLength(typedCases.length + 2);
  const rows = rulesTable().split("\n");
  expect(rows.slice(0, 2)).toEqual(["| case | rule |", "|---|---|"]);
  expect(rows).toHaveLength(cases.length + 2);
  for (const row of rows) expect(row.match(/(?<!\\)\|/g)).toHaveLength(3);
});

test("a report shows what passed, failed and was skipped, and why", () => {
  const report: Report = {
    format: 1,
    harness: "mine",
    mode: "beside",
    versions: { groundstate: "1.2.3", node: "20.19.0", runtime: "node 20.19.0" },
    passed: 2,
    failed: 1,
    skipped: 1,
    notRun: 3,
    milliseconds: 1234,
    results: [
      { id: "save/a", rule: "A.", outcome: "passed", milliseconds: 1 },
      { id: "save/b", rule: "B.", outcome: "failed", milliseconds: 2, error: { message: "no\nand no" } },
      { id: "list/c", rule: "C.", outcome: "passed", milliseconds: 400 },
      { id: "list/d", rule: "D.", outcome: "skipped", milliseconds: 0, reason: "it is late" },
    ],
    notes: ["mind the gap"],
    stray: [{ message: "left alone", times: 2, cases: ["save/a"] }],
  };
  expect(formatReport(report)).toBe(
    [
      "Conformance of mine, beside another's data",
      "groundstate 1.2.3, node 20.19.0",
      "",
      "✓ save/a",
      "✗ save/b (2 ms)",
      "    rule: B.",
      "    no",
      "    and no",
      "✓ list/c (400 ms)",
      "– list/d: skipped, it is late",
      "✗ nobody handled this error, 2 times, in the course of save/a",
      "    left alone",
      "",
      "note: mind the gap",
      "2 passed, 1 failed, 1 skipped, 3 not run, 2 errors nobody handled (1.2 s)",
      "",
    ].join("\n"),
  );
});
