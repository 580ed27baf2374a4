import type { Harness } from "../harness/case.js";
import { type Failure, failureLines } from "../harness/failure.js";
import { type Versions, versions } from "./versions.js";

const NO_DESTROY =
  "the harness is durable and has no destroy(space): the spaces of this run are still there, and every run adds more";

/** What became of one case. */
export interface CaseResult {
  /** The case's id. */
  readonly id: string;
  /** The rule that the case states. */
  readonly rule: string;
  /** What became of it. */
  readonly outcome: "passed" | "failed" | "skipped";
  /** How long it took. */
  readonly milliseconds: number;
  /** Why it was skipped. */
  readonly reason?: string;
  /** Why it failed. */
  readonly error?: Failure;
}

/**
 * What became of a run. Plain data: `JSON.stringify` makes the machine's report, which `--json` prints.
 *
 * ```json
 * {
 *   "format": 1,
 *   "harness": "my driver",
 *   "mode": "plain",
 *   "versions": { "groundstate": "0.4.0", "node": "20.19.0", "runtime": "node 20.19.0" },
 *   "passed": 1, "failed": 1, "skipped": 1, "notRun": 0,
 *   "milliseconds": 1234,
 *   "results": [
 *     { "id": "save/replaces", "rule": "A slot ...", "outcome": "passed", "milliseconds": 3 },
 *     { "id": "save/version", "rule": "A version ...", "outcome": "failed", "milliseconds": 3,
 *       "error": { "message": "...", "stack": "...", "cause": { "message": "..." } } },
 *     { "id": "processes/kill", "rule": "When ...", "outcome": "skipped", "milliseconds": 0, "reason": "..." }
 *   ],
 *   "notes": [],
 *   "stray": []
 * }
 * ```
 *
 * Where no case could be run, `--json` prints `format`, `harness`, `mode`, `versions` and an `error` instead. Ids of
 * cases are stable, messages are for people.
 */
export interface Report {
  /** Of this shape. Fields may join it; it is another when one goes, or comes to mean something else. */
  readonly format: 1;
  /** The harness's name. */
  readonly harness: string;
  /** Whether another's data lay beside. */
  readonly mode: Mode;
  /** Present when it was the typed layer whose rules were run. */
  readonly typed?: boolean;
  /** What it was run with. */
  readonly versions: Versions;
  /** How many cases passed. */
  readonly passed: number;
  /** How many cases failed. */
  readonly failed: number;
  /** How many cases were skipped. */
  readonly skipped: number;
  /** Cases that were not begun, because one had failed and the run was to stop there. */
  readonly notRun: number;
  /** How long the run took. */
  readonly milliseconds: number;
  /** In the order of the suite. */
  readonly results: readonly CaseResult[];
  /** What the author of the harness should know, though it breaks no rule. */
  readonly notes: readonly string[];
  /** Errors that nobody handled, equal ones together. Only the command line watches for them. */
  readonly stray?: readonly StrayError[];
}

/** An error that nobody handled, or output of the driver among that of the suite. */
export interface StrayError extends Failure {
  /** How often it came. */
  readonly times: number;
  /** Cases in whose course it came, the first five. None when it came outside of all. */
  readonly cases: readonly string[];
}

/** What a run is about. */
export interface Subject {
  readonly harness: Harness;
  readonly mode: Mode;
  /** Whether the cases are those of the typed layer. */
  readonly typed: boolean;
  /** The seed of the first random history, where some are run. */
  readonly seed?: number;
}

/** What is known of a run before its first case. */
export type Heading = Pick<Report, "harness" | "mode" | "typed" | "versions">;

/** `beside`: another's data lay beside that of each case. */
export type Mode = "plain" | "beside";

export function headingOf({ harness: { name }, mode, typed }: Subject): Heading {
  return { harness: name, mode, ...(typed && { typed }), versions };
}

export function notesOn({ harness: { durable, destroy }, seed }: Subject): string[] {
  const notes = durable && destroy === undefined ? [NO_DESTROY] : [];
  return seed === undefined ? notes : [...notes, `the random histories begin with --seed ${seed}`];
}

/** The report of a run; of a case that was not begun there is no result. */
export function reportOf(
  { harness, mode, typed, versions }: Heading,
  all: readonly (CaseResult | undefined)[],
  milliseconds: number,
  notes: readonly string[],
): Report {
  const results = all.filter((result) => result !== undefined);
  const count = (outcome: CaseResult["outcome"]) =>
    results.filter((result) => result.outcome === outcome).length;
  return {
    format: 1,
    harness,
    mode,
    ...(typed && { typed }),
    versions,
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
    notRun: all.length - results.length,
    milliseconds: Math.round(milliseconds),
    results,
    notes,
  };
}

/** The person's report: a line per case, the rule and the reason under what failed, the totals. */
export function formatReport(report: Report): string {
  return [formatHeading(report), ...report.results.map(formatResult), formatSummary(report)].join("");
}

export function formatHeading(report: Heading): string {
  const { groundstate, runtime } = report.versions;
  const subject = subjectOf(report);
  return `Conformance of ${subject}\ngroundstate ${groundstate}, ${runtime}\n\n`;
}

/** What a run is about, as test runners show it too. */
export function subjectOf({ harness, mode, typed }: Omit<Heading, "versions">): string {
  return `${typed ? "the typed layer on " : ""}${harness}${mode === "beside" ? ", beside another's data" : ""}`;
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
  const times = stray.reduce((sum, each) => sum + each.times, 0);
  if (times > 0) totals.push(`${times} ${times === 1 ? "error" : "errors"} nobody handled`);
  const notes = report.notes.map((note) => `note: ${note}\n`);
  const errors = stray.map((each) => `✗ ${strayTitle(each)}\n${indented(failureLines(each))}`);
  return [...errors, "\n", ...notes, `${totals.join(", ")} (${formatTime(report.milliseconds)})\n`].join("");
}

/** That nobody handled it, how often it came, and in the course of which cases. */
export function strayTitle({ times, cases }: StrayError): string {
  const often = times === 1 ? "" : `, ${times} times`;
  const where = cases.length === 0 ? "" : `, in the course of ${cases.join(", ")}`;
  return `nobody handled this error${often}${where}`;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `    ${line}\n`).join("");
}

function formatTime(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
