/** What became of one case. */
export interface CaseResult {
  readonly id: string;
  readonly rule: string;
  readonly outcome: "passed" | "failed" | "skipped";
  readonly milliseconds: number;
  /** Why it was skipped. */
  readonly reason?: string;
  /** Why it failed. */
  readonly error?: { readonly message: string; readonly stack?: string };
}

/** What became of a run. Plain data: `JSON.stringify` makes the machine's report. */
export interface Report {
  readonly harness: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly milliseconds: number;
  /** In the order of the suite. */
  readonly results: readonly CaseResult[];
}

export function reportOf(harness: string, results: readonly CaseResult[], milliseconds: number): Report {
  const count = (outcome: CaseResult["outcome"]) =>
    results.filter((result) => result.outcome === outcome).length;
  return {
    harness,
    passed: count("passed"),
    failed: count("failed"),
    skipped: count("skipped"),
    milliseconds: Math.round(milliseconds),
    results,
  };
}

/** The person's report: a line per case by concern, the rule and the reason under what failed, the totals. */
export function formatReport(report: Report): string {
  const lines = [`Conformance of ${report.harness}`];
  let concern = "";
  for (const result of report.results) {
    const [heading] = result.id.split("/") as [string];
    if (heading !== concern) lines.push("", heading);
    concern = heading;
    lines.push(...formatResult(result));
  }
  const totals = `${report.passed} passed, ${report.failed} failed, ${report.skipped} skipped`;
  lines.push("", `${totals} (${formatTime(report.milliseconds)})`, "");
  return lines.join("\n");
}

function formatResult(result: CaseResult): string[] {
  const name = result.id.slice(result.id.indexOf("/") + 1);
  if (result.outcome === "skipped") return [`  – ${name}: skipped, ${result.reason}`];
  if (result.outcome === "passed") {
    return [`  ✓ ${name}${result.milliseconds < 300 ? "" : ` (${formatTime(result.milliseconds)})`}`];
  }
  const reason = (result.error?.message ?? "").replaceAll("\n", "\n      ");
  return [
    `  ✗ ${name} (${formatTime(result.milliseconds)})`,
    `      rule: ${result.rule}`,
    `      ${reason}`,
  ];
}

function formatTime(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}
