import { failureLines } from "../harness/failure.js";
import { type CaseResult, type Report, type StrayError, strayTitle, subjectOf } from "../runners/report.js";

/** The report in version 14 of the Test Anything Protocol (https://testanything.org/tap-version-14-specification.html). */
export function tapReport(report: Report): string {
  const { results, stray = [] } = report;
  const lines = results.flatMap((result, index) => tapResult(result, index + 1));
  const strays = stray.flatMap((each, index) => [
    `not ok ${results.length + index + 1} - ${tapText(strayTitle(each))}`,
    ...tapDiagnostic(failureLines(each)),
  ]);
  const notes = report.notes.map((note) => `# ${note}`);
  const { passed, failed, skipped, notRun } = report;
  const totals = `# ${passed} passed, ${failed} failed, ${skipped} skipped, ${notRun} not run`;
  const plan = `1..${results.length + stray.length}`;
  return `${["TAP version 14", plan, ...lines, ...strays, ...notes, totals].join("\n")}\n`;
}

function tapResult({ id, rule, outcome, reason, error }: CaseResult, number: number): string[] {
  if (outcome === "skipped") return [`ok ${number} - ${id} # SKIP ${tapText(reason ?? "")}`];
  if (outcome === "passed") return [`ok ${number} - ${id}`];
  return [
    `not ok ${number} - ${id}`,
    ...tapDiagnostic([`rule: ${rule}`, ...(error ? failureLines(error) : [])]),
  ];
}

/** YAML, in which a block of text needs no escapes. */
function tapDiagnostic(lines: readonly string[]): string[] {
  return ["  ---", "  message: |-", ...lines.map((line) => `    ${printable(line)}`), "  ..."];
}

/** `#` begins a directive. */
function tapText(text: string): string {
  return printable(text).replaceAll(/[\\#]/g, "\\$&").replaceAll("\n", " ");
}

/** The report as JUnit's XML, as CI servers read it (https://github.com/testmoapp/junitxml). */
export function junitReport(report: Report): string {
  const { results, stray = [], failed, skipped } = report;
  const name = xml(`conformance of ${subjectOf(report)}`);
  const totals =
    `tests="${results.length + stray.length}" failures="${failed}" errors="${stray.length}" ` +
    `skipped="${skipped}" time="${seconds(report.milliseconds)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${name}" ${totals}>`,
    `  <testsuite name="${name}" ${totals}>`,
    ...results.map(junitResult),
    ...stray.map(junitStray),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function junitResult({ id, rule, outcome, milliseconds, reason = "", error }: CaseResult): string {
  const open = `    <testcase classname="${xml(id.split("/")[0] ?? "")}" name="${xml(id)}" time="${seconds(milliseconds)}"`;
  if (outcome === "passed") return `${open}/>`;
  if (outcome === "skipped") return `${open}><skipped message="${xml(reason)}"/></testcase>`;
  const lines = [`rule: ${rule}`, ...(error ? failureLines(error) : [])];
  return `${open}><failure message="${xml(error?.message ?? rule)}">${xml(lines.join("\n"))}</failure></testcase>`;
}

function junitStray(stray: StrayError): string {
  const open = `    <testcase classname="stray" name="${xml(strayTitle(stray))}">`;
  return `${open}<error message="${xml(stray.message)}">${xml(failureLines(stray).join("\n"))}</error></testcase>`;
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\n": "&#10;",
};

function xml(text: string): string {
  return printable(text).replaceAll(/[&<>"\n]/g, (each) => ENTITIES[each] ?? each);
}

/** XML has no form for most control characters and for halves of surrogate pairs, whatever names a driver was given. */
function printable(text: string): string {
  return text.toWellFormed().replaceAll(/[^\P{Cc}\t\n]|[\ufffe\uffff]/gu, "\ufffd");
}
