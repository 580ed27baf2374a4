import { type Failure, failureLines } from "./failure.js";

/** What became of one case. */
export interface CaseResult {
  readonly id: string;
  readonly rule: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly milliseconds: number;
  /** Why it was skipped. */
  readonly reason?: string;
  /** Why it failed. */
  readonly error?: Failure;
}

/** What became of a run. Plain data: `JSON.stringify` makes the machine's report. */
export interface Report {
  readonly harness: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Cases that were not begun, because one had failed and the run was to stop there. */
  readonly notRun: number;
  readonly milliseconds: number;
  /** In the order of the suite. */
  readonly results: readonly CaseResult[];
  /** What the author of the harness should know, though it breaks no rule. */
  readonly notes: readonly string[];
  /** Errors that nobody handled. Only the command line watches for them. */
  readonly stray?: readonly Failure[];
}

/** The person's report: a line per case, the rule and the reason under what failed, the totals. */
export function formatReport(report: Report): string {
  return [formatHeading(report.harness), ...report.results.map(formatResult), formatSummary(report)].join("");
}

export function formatHeading(harness: string): string {
  return `Conformance of ${harness}\n\n`;
}

export function formatResult(result: CaseResult): string {
  const { id, rule, outcome, milliseconds, error } = result;
  if (outcome === "skipped") return `– ${id}: skipped, ${result.reason}\n`;
  if (outcome === "passed") return `✓ ${id}${milliseconds < 300 ? "" : ` (${formatTime(milliseconds)})`}\n`;
  const why = [`rule: ${rule}`, ...(error === undefined ? [] : failureLines(error))];
  return `✗ ${id} (${formatTime(milliseconds)})\n${indented(why)}`;
}

export function formatSummary(report: Report): string {
  const { passed, failed, skipped, notRun, stray = [] } = report;
  const totals = [`${passed} passed`, `${failed} failed`, `${skipped} skipped`];
  if (notRun > 0) totals.push(`${notRun} not run`);
  if (stray.length > 0)
    totals.push(`${stray.length} ${stray.length === 1 ? "error" : "errors"} nobody handled`);
  const notes = report.notes.map((note) => `note: ${note}\n`);
  const errors = stray.map((each) => `✗ nobody handled this error\n${indented(failureLines(each))}`);
  return [...errors, "\n", ...notes, `${totals.join(", ")} (${formatTime(report.milliseconds)})\n`].join("");
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}\n`).join("");
}

function formatTime(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
